# Where logs go, and who is told when somebody walks around the gates.

resource "azurerm_log_analytics_workspace" "logs" {
  name                         = "${var.prefix}-logs"
  resource_group_name          = azurerm_resource_group.shared.name
  location                     = var.location
  sku                          = "PerGB2018"
  retention_in_days            = 90
  local_authentication_enabled = false
}

resource "azurerm_monitor_action_group" "people" {
  name                = "${var.prefix}-weighbridge"
  resource_group_name = azurerm_resource_group.shared.name
  short_name          = "weighbridge"

  email_receiver {
    name                    = "people"
    email_address           = var.alert_email
    use_common_alert_schema = true
  }
}

resource "azurerm_monitor_diagnostic_setting" "activity" {
  name                       = "weighbridge"
  target_resource_id         = "/subscriptions/${var.subscription_id}"
  log_analytics_workspace_id = azurerm_log_analytics_workspace.logs.id

  enabled_log {
    category = "Administrative"
  }

  enabled_log {
    category = "Policy"
  }

  enabled_log {
    category = "Security"
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "push" {
  name                    = "${var.prefix}-push"
  resource_group_name     = azurerm_resource_group.shared.name
  location                = var.location
  display_name            = "Weighbridge: Somebody else than the intake pipeline pushed to the model registry"
  severity                = 1
  enabled                 = true
  scopes                  = [azurerm_log_analytics_workspace.logs.id]
  evaluation_frequency    = "PT5M"
  window_duration         = "PT10M"
  auto_mitigation_enabled = false
  skip_query_validation   = true

  criteria {
    query                   = <<-KQL
      ContainerRegistryRepositoryEvents
      | where OperationName =~ "Push"
      | where Identity !~ "${azurerm_user_assigned_identity.intake.principal_id}"
      | project TimeGenerated, _ResourceId, Identity, Repository, Tag, Digest, CallerIpAddress
    KQL
    time_aggregation_method = "Count"
    operator                = "GreaterThan"
    threshold               = 0

    failing_periods {
      number_of_evaluation_periods             = 1
      minimum_failing_periods_to_trigger_alert = 1
    }
  }

  action {
    action_groups = [azurerm_monitor_action_group.people.id]
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "deployment" {
  name                    = "${var.prefix}-deployment"
  resource_group_name     = azurerm_resource_group.shared.name
  location                = var.location
  display_name            = "Weighbridge: Somebody else than the deploy pipeline changed a model deployment"
  severity                = 1
  enabled                 = true
  scopes                  = [azurerm_log_analytics_workspace.logs.id]
  evaluation_frequency    = "PT5M"
  window_duration         = "PT30M"
  auto_mitigation_enabled = false
  skip_query_validation   = true

  criteria {
    query                   = <<-KQL
      AzureActivity
      | where OperationNameValue in~ (
          "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write",
          "Microsoft.MachineLearningServices/workspaces/batchEndpoints/deployments/write",
          "Microsoft.MachineLearningServices/workspaces/serverlessEndpoints/write",
          "Microsoft.CognitiveServices/accounts/deployments/write",
          "Microsoft.CognitiveServices/accounts/managedComputeDeployments/write")
      | where ActivityStatusValue in~ ("Success", "Succeeded")
      | where Caller !~ "${azurerm_user_assigned_identity.deploy.principal_id}"
      | project TimeGenerated, _ResourceId, Caller, CallerIpAddress, OperationNameValue
    KQL
    time_aggregation_method = "Count"
    operator                = "GreaterThan"
    threshold               = 0

    failing_periods {
      number_of_evaluation_periods             = 1
      minimum_failing_periods_to_trigger_alert = 1
    }
  }

  action {
    action_groups = [azurerm_monitor_action_group.people.id]
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "blindness" {
  name                    = "${var.prefix}-blindness"
  resource_group_name     = azurerm_resource_group.shared.name
  location                = var.location
  display_name            = "Weighbridge: A log, an alert rule or a policy assignment was taken away"
  severity                = 1
  enabled                 = true
  scopes                  = [azurerm_log_analytics_workspace.logs.id]
  evaluation_frequency    = "PT5M"
  window_duration         = "PT30M"
  auto_mitigation_enabled = false
  skip_query_validation   = true

  criteria {
    query                   = <<-KQL
      AzureActivity
      | where OperationNameValue in~ (
          "Microsoft.Insights/diagnosticSettings/delete",
          "Microsoft.Insights/scheduledQueryRules/delete",
          "Microsoft.Authorization/policyAssignments/delete",
          "Microsoft.Authorization/policyExemptions/write")
      | where ActivityStatusValue in~ ("Success", "Succeeded")
      | project TimeGenerated, _ResourceId, Caller, CallerIpAddress, OperationNameValue
    KQL
    time_aggregation_method = "Count"
    operator                = "GreaterThan"
    threshold               = 0

    failing_periods {
      number_of_evaluation_periods             = 1
      minimum_failing_periods_to_trigger_alert = 1
    }
  }

  action {
    action_groups = [azurerm_monitor_action_group.people.id]
  }
}
