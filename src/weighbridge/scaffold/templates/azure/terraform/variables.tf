variable "subscription_id" {
  description = "The subscription that everything stands in."
  type        = string
}

variable "location" {
  description = "Where everything stands."
  type        = string
}

variable "prefix" {
  description = "Begins every name; small letters and digits."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{2,9}$", var.prefix))
    error_message = "Three to ten small letters and digits, a letter first."
  }
}

variable "subnet_id" {
  description = "The subnet that the private endpoints stand in."
  type        = string
}

variable "registry_zone_id" {
  description = "The private DNS zone privatelink.azurecr.io of that network."
  type        = string
}

variable "repository" {
  description = "OWNER@OWNER_ID/REPOSITORY@REPOSITORY_ID of the repository with the pipeline: names alone can be taken over."
  type        = string

  validation {
    condition     = can(regex("^[^/*:@]+@[0-9]+/[^/*:@]+@[0-9]+$", var.repository))
    error_message = "Write OWNER@OWNER_ID/REPOSITORY@REPOSITORY_ID."
  }
}

variable "alert_email" {
  description = "Who is told of alerts."
  type        = string
}

variable "initiative_id" {
  description = "The initiative in the management group, which ../policy makes first."
  type        = string
}
