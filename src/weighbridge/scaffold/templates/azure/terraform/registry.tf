# The internal registry: reached from inside only, by identities only, and nothing leaves it but by a pull.

resource "azurerm_container_registry" "models" {
  name                          = "${var.prefix}${local.suffix}"
  resource_group_name           = azurerm_resource_group.shared.name
  location                      = var.location
  sku                           = "Premium"
  admin_enabled                 = false
  anonymous_pull_enabled        = false
  public_network_access_enabled = false
  export_policy_enabled         = false
  network_rule_bypass_option    = "None"
  data_endpoint_enabled         = true
  tags                          = { "weighbridge.role" = "model-registry" }
}

resource "azurerm_management_lock" "registry" {
  name       = "keep"
  scope      = azurerm_container_registry.models.id
  lock_level = "CanNotDelete"
  notes      = "Models and their evidence live here."
}

resource "azurerm_private_endpoint" "registry" {
  name                = "${azurerm_container_registry.models.name}-endpoint"
  resource_group_name = azurerm_resource_group.shared.name
  location            = var.location
  subnet_id           = var.subnet_id

  private_service_connection {
    name                           = "registry"
    private_connection_resource_id = azurerm_container_registry.models.id
    subresource_names              = ["registry"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [var.registry_zone_id]
  }
}

resource "azurerm_role_assignment" "intake" {
  scope                = azurerm_container_registry.models.id
  role_definition_name = "AcrPush"
  principal_id         = azurerm_user_assigned_identity.intake.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "pull" {
  scope                = azurerm_container_registry.models.id
  role_definition_name = "AcrPull"
  principal_id         = azurerm_user_assigned_identity.deploy.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_monitor_diagnostic_setting" "registry" {
  name                       = "weighbridge"
  target_resource_id         = azurerm_container_registry.models.id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.logs.id

  enabled_log {
    category = "ContainerRegistryRepositoryEvents"
  }

  enabled_log {
    category = "ContainerRegistryLoginEvents"
  }
}

output "login_server" {
  value = azurerm_container_registry.models.login_server
}
