// Package openapi tells the world what a service offers over HTTP: an OpenAPI 3.1
// document made of its description, and a page to try it in a browser.
//
//	contract.Service ──▶ Description ──Document──▶ openapi.json ──▶ any tool of OpenAPI
//	                                                    └─────────▶ the page at /try
//
// An operation with a rule of REST stands there by its verb and path, any other by
// those of the node: POST /request/NAME, /send/NAME and /publish/NAME. Surveys and
// subscriptions, whose answers are streams, are not OpenAPI's and left out. Schemas
// are those of the JSON that the services read and write; other formats carry the
// same values.
package openapi
