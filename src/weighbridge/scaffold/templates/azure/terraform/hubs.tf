# One hub for each stage, with a storage account and a key vault of its own. No two stages share anything.

resource "azurerm_storage_account" "stage" {
  for_each                        = local.isolation
  name                            = substr("${var.prefix}${substr(each.key, 0, 4)}${local.suffix}", 0, 24)
  resource_group_name             = azurerm_resource_group.stage[each.key].name
  location                        = var.location
  account_kind                    = "StorageV2"
  account_tier                    = "Standard"
  account_replication_type        = "ZRS"
  allow_nested_items_to_be_public = false
  shared_access_key_enabled       = false
  https_traffic_only_enabled      = true
  min_tls_version                 = "TLS1_2"
  public_network_access_enabled   = false

  network_rules {
    default_action = "Deny"
    bypass         = ["AzureServices"]
  }

  blob_properties {
    versioning_enabled  = true
    change_feed_enabled = true

    delete_retention_policy {
      days = 30
    }

    container_delete_retention_policy {
      days = 30
    }
  }
}

resource "azurerm_key_vault" "stage" {
  for_each                      = local.isolation
  name                          = substr("${var.prefix}-${substr(each.key, 0, 4)}-${local.suffix}", 0, 24)
  resource_group_name           = azurerm_resource_group.stage[each.key].name
  location                      = var.location
  tenant_id                     = data.azurerm_client_config.current.tenant_id
  sku_name                      = "standard"
  rbac_authorization_enabled    = true
  purge_protection_enabled      = true
  public_network_access_enabled = false
  tags                          = { "weighbridge.stage" = each.key }

  network_acls {
    default_action = "Deny"
    bypass         = "AzureServices"
  }
}

resource "azurerm_management_lock" "vault" {
  name       = "keep"
  scope      = azurerm_key_vault.stage["production"].id
  lock_level = "CanNotDelete"
  notes      = "What production runs needs its secrets."
}

resource "azurerm_ai_foundry" "stage" {
  for_each              = local.isolation
  name                  = "${var.prefix}-${each.key}"
  resource_group_name   = azurerm_resource_group.stage[each.key].name
  location              = var.location
  friendly_name         = "${var.prefix} ${each.key}"
  storage_account_id    = azurerm_storage_account.stage[each.key].id
  key_vault_id          = azurerm_key_vault.stage[each.key].id
  public_network_access = "Disabled"
  tags                  = { "weighbridge.stage" = each.key }

  identity {
    type = "SystemAssigned"
  }

  managed_network {
    isolation_mode = each.value
  }
}

resource "azurerm_role_definition" "deployer" {
  name              = "Weighbridge deployer (${var.prefix} production)"
  description       = "Deploys models that both gates let through. Registers none, deletes none, reads no key."
  scope             = azurerm_resource_group.stage["production"].id
  assignable_scopes = [azurerm_resource_group.stage["production"].id]

  permissions {
    actions = [
      "Microsoft.MachineLearningServices/workspaces/read",
      "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/read",
      "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/read",
      "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write",
    ]
  }
}

resource "azurerm_role_assignment" "deploy" {
  scope              = azurerm_ai_foundry.stage["production"].id
  role_definition_id = azurerm_role_definition.deployer.role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.deploy.principal_id
  principal_type     = "ServicePrincipal"
}

resource "azurerm_monitor_diagnostic_setting" "hub" {
  for_each                   = local.isolation
  name                       = "weighbridge"
  target_resource_id         = azurerm_ai_foundry.stage[each.key].id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.logs.id

  enabled_log {
    category_group = "allLogs"
  }
}

resource "azurerm_monitor_diagnostic_setting" "vault" {
  for_each                       = local.isolation
  name                           = "weighbridge"
  target_resource_id             = azurerm_key_vault.stage[each.key].id
  log_analytics_workspace_id     = azurerm_log_analytics_workspace.logs.id
  log_analytics_destination_type = "Dedicated"

  enabled_log {
    category = "AuditEvent"
  }
}
