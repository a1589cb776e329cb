"""The set in Bicep and Terraform: thin, and reading the same JSON files that the ARM templates are made of."""

# ruff: noqa: E501 -- expressions of Bicep and Terraform end where their line does
from __future__ import annotations

MAIN_BICEP = """\
// Definitions and initiative, for a management group:
//   az deployment mg create --management-group-id GROUP --location REGION --template-file main.bicep
targetScope = 'managementGroup'

var definitions = [
@DEFINITIONS@
]
var initiative = loadJsonContent('initiative.json')

resource definition 'Microsoft.Authorization/policyDefinitions@2023-04-01' = [for item in definitions: {
  name: item.name
  properties: any(item.properties)
}]

resource set 'Microsoft.Authorization/policySetDefinitions@2023-04-01' = {
  name: initiative.name
  properties: {
    displayName: initiative.properties.displayName
    description: initiative.properties.description
    policyType: 'Custom'
    metadata: initiative.properties.metadata
    parameters: any(initiative.properties.parameters)
    policyDefinitions: [for member in initiative.properties.policyDefinitions: {
      policyDefinitionReferenceId: member.policyDefinitionReferenceId
      policyDefinitionId: empty(member.builtInId) ? managementGroupResourceId('Microsoft.Authorization/policyDefinitions', member.definitionName) : tenantResourceId('Microsoft.Authorization/policyDefinitions', member.builtInId)
      parameters: any(member.parameters)
    }]
  }
  dependsOn: [
    definition
  ]
}

output initiativeId string = set.id
"""

ASSIGNMENT_BICEP = """\
// One stage, for its subscription:
//   az deployment sub create --location REGION --template-file assignment.bicep --parameters stage=STAGE initiativeId=ID
targetScope = 'subscription'

@allowed([
  'sandbox'
  'staging'
  'production'
])
param stage string

@description('The output of main.bicep.')
param initiativeId string

@description('DoNotEnforce reports what would be denied and lets it pass.')
@allowed([
  'Default'
  'DoNotEnforce'
])
param enforcementMode string = 'Default'

var stages = {
  sandbox: loadJsonContent('assignments/sandbox.json')
  staging: loadJsonContent('assignments/staging.json')
  production: loadJsonContent('assignments/production.json')
}

resource assignment 'Microsoft.Authorization/policyAssignments@2023-04-01' = {
  name: '@PREFIX@-${stage}'
  properties: {
    displayName: 'Weighbridge: models that passed both gates (${stage})'
    policyDefinitionId: initiativeId
    enforcementMode: enforcementMode
    parameters: any(stages[stage])
  }
}
"""

MAIN_TERRAFORM = """\
# Definitions and initiative on a management group, and one assignment for each stage's subscription.

terraform {
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.0, < 5.0"
    }
  }
}

variable "management_group_id" {
  type        = string
  description = "Where definitions are kept: /providers/Microsoft.Management/managementGroups/NAME"
}

variable "subscriptions" {
  type        = map(string)
  description = "The subscription of each stage: { production = \\"/subscriptions/...\\" }"
}

variable "enforce" {
  type        = bool
  default     = true
  description = "false reports what would be denied and lets it pass."
}

locals {
  definitions = { for file in fileset("${path.module}/definitions", "*.json") :
    trimsuffix(file, ".json") => jsondecode(file("${path.module}/definitions/${file}"))
  }
  initiative = jsondecode(file("${path.module}/initiative.json"))
}

resource "azurerm_policy_definition" "weighbridge" {
  for_each = local.definitions

  name                = each.value.name
  display_name        = each.value.properties.displayName
  description         = each.value.properties.description
  policy_type         = "Custom"
  mode                = each.value.properties.mode
  management_group_id = var.management_group_id
  metadata            = jsonencode(each.value.properties.metadata)
  parameters          = jsonencode(each.value.properties.parameters)
  policy_rule         = jsonencode(each.value.properties.policyRule)
}

resource "azurerm_management_group_policy_set_definition" "weighbridge" {
  name                = local.initiative.name
  display_name        = local.initiative.properties.displayName
  description         = local.initiative.properties.description
  policy_type         = "Custom"
  management_group_id = var.management_group_id
  metadata            = jsonencode(local.initiative.properties.metadata)
  parameters          = jsonencode(local.initiative.properties.parameters)

  dynamic "policy_definition_reference" {
    for_each = local.initiative.properties.policyDefinitions
    content {
      reference_id         = policy_definition_reference.value.policyDefinitionReferenceId
      policy_definition_id = policy_definition_reference.value.builtInId != "" ? "/providers/Microsoft.Authorization/policyDefinitions/${policy_definition_reference.value.builtInId}" : azurerm_policy_definition.weighbridge[policy_definition_reference.value.policyDefinitionReferenceId].id
      parameter_values     = jsonencode(policy_definition_reference.value.parameters)
    }
  }
}

resource "azurerm_subscription_policy_assignment" "weighbridge" {
  for_each = var.subscriptions

  name                 = "@PREFIX@-${each.key}"
  display_name         = "Weighbridge: models that passed both gates (${each.key})"
  subscription_id      = each.value
  policy_definition_id = azurerm_management_group_policy_set_definition.weighbridge.id
  enforce              = var.enforce
  parameters           = file("${path.module}/assignments/${each.key}.json")
}
"""
