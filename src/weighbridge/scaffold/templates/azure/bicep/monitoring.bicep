// Where logs go, and who is told when somebody walks around the gates.
param location string
param prefix string
param alertEmail string
param intakePrincipalId string
param deployPrincipalId string

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: '${prefix}-logs'
  location: location
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: 90
    features: { disableLocalAuth: true }
  }
}

resource people 'Microsoft.Insights/actionGroups@2022-06-01' = {
  name: '${prefix}-weighbridge'
  location: 'global'
  properties: {
    enabled: true
    groupShortName: 'weighbridge'
    emailReceivers: [
      {
        name: 'people'
        emailAddress: alertEmail
        useCommonAlertSchema: true
      }
    ]
  }
}

var pushQuery = '''
ContainerRegistryRepositoryEvents
| where OperationName =~ "Push"
| where Identity !~ "@INTAKE@"
| project TimeGenerated, _ResourceId, Identity, Repository, Tag, Digest, CallerIpAddress
'''

resource push 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: '${prefix}-push'
  location: location
  kind: 'LogAlert'
  properties: {
    displayName: 'Weighbridge: Somebody else than the intake pipeline pushed to the model registry'
    severity: 1
    enabled: true
    scopes: [workspace.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT10M'
    autoMitigate: false
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: replace(pushQuery, '@INTAKE@', intakePrincipalId)
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: [people.id] }
  }
}

var deploymentQuery = '''
AzureActivity
| where OperationNameValue in~ (
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write",
    "Microsoft.MachineLearningServices/workspaces/batchEndpoints/deployments/write",
    "Microsoft.MachineLearningServices/workspaces/serverlessEndpoints/write",
    "Microsoft.CognitiveServices/accounts/deployments/write",
    "Microsoft.CognitiveServices/accounts/managedComputeDeployments/write")
| where ActivityStatusValue in~ ("Success", "Succeeded")
| where Caller !~ "@DEPLOY@"
| project TimeGenerated, _ResourceId, Caller, CallerIpAddress, OperationNameValue
'''

resource deployment 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: '${prefix}-deployment'
  location: location
  kind: 'LogAlert'
  properties: {
    displayName: 'Weighbridge: Somebody else than the deploy pipeline changed a model deployment'
    severity: 1
    enabled: true
    scopes: [workspace.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT30M'
    autoMitigate: false
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: replace(deploymentQuery, '@DEPLOY@', deployPrincipalId)
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: [people.id] }
  }
}

var blindnessQuery = '''
AzureActivity
| where OperationNameValue in~ (
    "Microsoft.Insights/diagnosticSettings/delete",
    "Microsoft.Insights/scheduledQueryRules/delete",
    "Microsoft.Authorization/policyAssignments/delete",
    "Microsoft.Authorization/policyExemptions/write")
| where ActivityStatusValue in~ ("Success", "Succeeded")
| project TimeGenerated, _ResourceId, Caller, CallerIpAddress, OperationNameValue
'''

resource blindness 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: '${prefix}-blindness'
  location: location
  kind: 'LogAlert'
  properties: {
    displayName: 'Weighbridge: A log, an alert rule or a policy assignment was taken away'
    severity: 1
    enabled: true
    scopes: [workspace.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT30M'
    autoMitigate: false
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: blindnessQuery
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: [people.id] }
  }
}

output workspaceId string = workspace.id
