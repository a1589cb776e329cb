// The policies of one stage, on its resource group. What they are is written in ../policy, from [azure] in weighbridge.toml;
// ../policy/main.bicep brings definitions and initiative to the management group before this.
param prefix string
@allowed(['sandbox', 'staging', 'production'])
param stage string
@description('The output initiativeId of ../policy/main.bicep.')
param initiativeId string

var stages = {
  sandbox: loadJsonContent('../policy/assignments/sandbox.json')
  staging: loadJsonContent('../policy/assignments/staging.json')
  production: loadJsonContent('../policy/assignments/production.json')
}

resource assignment 'Microsoft.Authorization/policyAssignments@2023-04-01' = {
  name: '${prefix}-${stage}'
  properties: {
    displayName: 'Weighbridge: models that passed both gates (${stage})'
    policyDefinitionId: initiativeId
    enforcementMode: 'Default'
    parameters: any(stages[stage])
  }
}
