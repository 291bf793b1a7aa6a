// Package openapi tells the world what a service offers over HTTP: an OpenAPI 3.1
// document made of its description, and a page to try it in a browser.
//
//	contract.Service ──▶ Description ──Document──▶ openapi.json ──▶ any tool of OpenAPI
//	                                                    └─────────▶ the page at /try
//
// An operation with a rule of REST stands there by its verb and path, any other by
// those of the node: POST /request/NAME, /send/NAME, /publish/NAME and /gather/NAME, and a
// topic by GET /subscribe/NAME too. The answers of the last two are streams, whose schema is
// that of one line, or of the data of one event: OpenAPI 3.1 has no other place for it. Schemas
// are those of the JSON that the services read and write; other formats carry the
// same values.
package openapi
