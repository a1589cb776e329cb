// The landing: one registry that models enter through gate one only, and three hubs that get models from there only.
// Written by `weighbridge init azure`; the same as ../terraform. Read docs/azure-landing.md before you apply it.
//
//   az deployment sub create --location LOCATION --template-file main.bicep --parameters main.bicepparam
targetScope = 'subscription'

@description('Where everything stands.')
param location string

@description('Begins every name; small letters and digits.')
@minLength(3)
@maxLength(10)
param prefix string

@description('The subnet that the private endpoints stand in.')
param subnetId string

@description('The private DNS zone privatelink.azurecr.io of that network.')
param registryZoneId string

@description('OWNER@OWNER_ID/REPOSITORY@REPOSITORY_ID of the repository with the pipeline: names alone can be taken over.')
param repository string

@description('Who is told of alerts.')
param alertEmail string

@description('The initiative in the management group: the output of ../policy/main.bicep, which comes first.')
param initiativeId string

var stages = [
  { name: 'sandbox', isolation: 'AllowInternetOutbound' }
  { name: 'staging', isolation: 'AllowOnlyApprovedOutbound' }
  { name: 'production', isolation: 'AllowOnlyApprovedOutbound' }
]

resource shared 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: '${prefix}-models'
  location: location
}

resource groups 'Microsoft.Resources/resourceGroups@2024-03-01' = [for stage in stages: {
  name: '${prefix}-${stage.name}'
  location: location
  tags: { 'weighbridge.stage': stage.name }
}]

module identities 'identities.bicep' = {
  name: 'identities'
  scope: shared
  params: {
    location: location
    prefix: prefix
    repository: repository
  }
}

module monitoring 'monitoring.bicep' = {
  name: 'monitoring'
  scope: shared
  params: {
    location: location
    prefix: prefix
    alertEmail: alertEmail
    intakePrincipalId: identities.outputs.intakePrincipalId
    deployPrincipalId: identities.outputs.deployPrincipalId
  }
}

module registry 'registry.bicep' = {
  name: 'registry'
  scope: shared
  params: {
    location: location
    prefix: prefix
    subnetId: subnetId
    zoneId: registryZoneId
    workspaceId: monitoring.outputs.workspaceId
    intakePrincipalId: identities.outputs.intakePrincipalId
    deployPrincipalId: identities.outputs.deployPrincipalId
  }
}

module hubs 'hub.bicep' = [for (stage, place) in stages: {
  name: 'hub-${stage.name}'
  scope: groups[place]
  params: {
    location: location
    prefix: prefix
    stage: stage.name
    isolation: stage.isolation
    workspaceId: monitoring.outputs.workspaceId
    deployPrincipalId: stage.name == 'production' ? identities.outputs.deployPrincipalId : ''
  }
}]

module policies 'policies.bicep' = [for (stage, place) in stages: {
  name: 'policies-${stage.name}'
  scope: groups[place]
  params: {
    prefix: prefix
    stage: stage.name
    initiativeId: initiativeId
  }
}]

module policiesOfRegistry 'policies.bicep' = {
  name: 'policies-shared'
  scope: shared
  params: {
    prefix: prefix
    stage: 'production'
    initiativeId: initiativeId
  }
}

resource activity 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'weighbridge'
  properties: {
    workspaceId: monitoring.outputs.workspaceId
    logs: [
      { category: 'Administrative', enabled: true }
      { category: 'Policy', enabled: true }
      { category: 'Security', enabled: true }
    ]
  }
}
