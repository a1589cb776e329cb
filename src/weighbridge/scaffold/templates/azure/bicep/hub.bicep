// One stage: a hub with a storage account and a key vault of its own. No two stages share anything.
param location string
param prefix string
@allowed(['sandbox', 'staging', 'production'])
param stage string
@allowed(['AllowInternetOutbound', 'AllowOnlyApprovedOutbound'])
param isolation string
param workspaceId string
@description('Who may deploy here; empty: nobody by this template.')
param deployPrincipalId string

var suffix = uniqueString(resourceGroup().id)

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: take('${prefix}${suffix}', 24)
  location: location
  kind: 'StorageV2'
  sku: { name: 'Standard_ZRS' }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: 'Disabled'
    supportsHttpsTrafficOnly: true
    networkAcls: { defaultAction: 'Deny', bypass: 'AzureServices' }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: storage
  name: 'default'
  properties: {
    isVersioningEnabled: true
    changeFeed: { enabled: true }
    deleteRetentionPolicy: { enabled: true, days: 30 }
    containerDeleteRetentionPolicy: { enabled: true, days: 30 }
  }
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: take('${prefix}-${suffix}', 24)
  location: location
  tags: { 'weighbridge.stage': stage }
  properties: {
    tenantId: subscription().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enablePurgeProtection: true
    enableSoftDelete: true
    publicNetworkAccess: 'Disabled'
    networkAcls: { defaultAction: 'Deny', bypass: 'AzureServices' }
  }
}

resource keep 'Microsoft.Authorization/locks@2020-05-01' = if (stage == 'production') {
  name: 'keep'
  scope: vault
  properties: {
    level: 'CanNotDelete'
    notes: 'What production runs needs its secrets.'
  }
}

resource hub 'Microsoft.MachineLearningServices/workspaces@2024-10-01' = {
  name: '${prefix}-${stage}'
  location: location
  kind: 'Hub'
  identity: { type: 'SystemAssigned' }
  sku: { name: 'Basic', tier: 'Basic' }
  tags: { 'weighbridge.stage': stage }
  properties: {
    friendlyName: '${prefix} ${stage}'
    storageAccount: storage.id
    keyVault: vault.id
    publicNetworkAccess: 'Disabled'
    systemDatastoresAuthMode: 'identity'
    managedNetwork: { isolationMode: isolation }
  }
}

resource deployer 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (!empty(deployPrincipalId)) {
  name: guid(hub.id, 'weighbridge-deployer')
  properties: {
    roleName: 'Weighbridge deployer (${prefix} ${stage})'
    description: 'Deploys models that both gates let through. Registers none, deletes none, reads no key.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: [
          'Microsoft.MachineLearningServices/workspaces/read'
          'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/read'
          'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/read'
          'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write'
        ]
      }
    ]
  }
}

resource deploy 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(deployPrincipalId)) {
  name: guid(hub.id, deployPrincipalId, 'weighbridge-deployer')
  scope: hub
  properties: {
    principalId: deployPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: deployer.id
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'weighbridge'
  scope: hub
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
  }
}

resource vaultLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'weighbridge'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [{ category: 'AuditEvent', enabled: true }]
  }
}
