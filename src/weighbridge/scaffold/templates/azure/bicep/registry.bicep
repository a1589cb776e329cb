// The internal registry: reached from inside only, by identities only, and nothing leaves it but by a pull.
param location string
param prefix string
param subnetId string
param zoneId string
param workspaceId string
param intakePrincipalId string
param deployPrincipalId string

var push = '8311e382-0749-4cb8-b61a-304f252e45ec'
var pull = '7f951dda-4ed3-4680-a7ca-43fe172d538d'

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  name: '${prefix}${uniqueString(resourceGroup().id)}'
  location: location
  sku: { name: 'Premium' }
  tags: { 'weighbridge.role': 'model-registry' }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
    publicNetworkAccess: 'Disabled'
    networkRuleBypassOptions: 'None'
    dataEndpointEnabled: true
    policies: {
      exportPolicy: { status: 'disabled' }
      azureADAuthenticationAsArmPolicy: { status: 'disabled' }
    }
  }
}

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = {
  name: '${registry.name}-endpoint'
  location: location
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      {
        name: 'registry'
        properties: {
          privateLinkServiceId: registry.id
          groupIds: ['registry']
        }
      }
    ]
  }
}

resource zone 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: 'registry'
        properties: { privateDnsZoneId: zoneId }
      }
    ]
  }
}

resource intake 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, intakePrincipalId, push)
  scope: registry
  properties: {
    principalId: intakePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', push)
  }
}

resource deploy 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, deployPrincipalId, pull)
  scope: registry
  properties: {
    principalId: deployPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', pull)
  }
}

resource keep 'Microsoft.Authorization/locks@2020-05-01' = {
  name: 'keep'
  scope: registry
  properties: {
    level: 'CanNotDelete'
    notes: 'Models and their evidence live here.'
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'weighbridge'
  scope: registry
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'ContainerRegistryRepositoryEvents', enabled: true }
      { category: 'ContainerRegistryLoginEvents', enabled: true }
    ]
  }
}

output loginServer string = registry.properties.loginServer
