# Two identities without a secret: one that stores models, one that deploys them. Nobody can do both.

resource "azurerm_user_assigned_identity" "intake" {
  name                = "${var.prefix}-intake"
  resource_group_name = azurerm_resource_group.shared.name
  location            = var.location
}

resource "azurerm_federated_identity_credential" "intake" {
  name                = "github-intake"
  resource_group_name = azurerm_resource_group.shared.name
  parent_id           = azurerm_user_assigned_identity.intake.id
  issuer              = "https://token.actions.githubusercontent.com"
  subject             = "repo:${var.repository}:environment:intake"
  audience            = ["api://AzureADTokenExchange"]
}

resource "azurerm_user_assigned_identity" "deploy" {
  name                = "${var.prefix}-deploy"
  resource_group_name = azurerm_resource_group.shared.name
  location            = var.location
}

resource "azurerm_federated_identity_credential" "deploy" {
  name                = "github-production"
  resource_group_name = azurerm_resource_group.shared.name
  parent_id           = azurerm_user_assigned_identity.deploy.id
  issuer              = "https://token.actions.githubusercontent.com"
  subject             = "repo:${var.repository}:environment:production"
  audience            = ["api://AzureADTokenExchange"]
}

output "client_ids" {
  value = {
    intake     = azurerm_user_assigned_identity.intake.client_id
    production = azurerm_user_assigned_identity.deploy.client_id
  }
}
