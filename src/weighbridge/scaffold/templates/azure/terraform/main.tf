# The landing: one registry that models enter through gate one only, and three hubs that get models from there only.
# Written by `weighbridge init azure`; the same as ../bicep. Read docs/azure-landing.md before you apply it.

terraform {
  required_version = ">= 1.9"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.52"
    }
  }
}

provider "azurerm" {
  subscription_id     = var.subscription_id
  storage_use_azuread = true
  features {}
}

data "azurerm_client_config" "current" {}

locals {
  isolation = {
    sandbox    = "AllowInternetOutbound"
    staging    = "AllowOnlyApprovedOutbound"
    production = "AllowOnlyApprovedOutbound"
  }
  suffix = substr(sha256("${var.subscription_id}/${var.prefix}"), 0, 10)
}

resource "azurerm_resource_group" "shared" {
  name     = "${var.prefix}-models"
  location = var.location
}

resource "azurerm_resource_group" "stage" {
  for_each = local.isolation
  name     = "${var.prefix}-${each.key}"
  location = var.location
  tags     = { "weighbridge.stage" = each.key }
}
