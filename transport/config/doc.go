// Package config reads the file that says how services talk, and opens it.
//
//	file ─▶ Parse ─▶ Config ─┬▶ Check    against the contracts, before anything connects
//	   profile, ${…}         ├▶ Explain  what a change of the file keeps, weakens and gains
//	                         └▶ Open ─▶ Bus ─ route ─▶ Conn "net" ─▶ http
//	                                         └─ route ─▶ Conn "bus" ─▶ kafka
//
// One file serves all processes of a system; each says which of its services it
// is. docs/configuration.md is the reference of the file, [Schema] its JSON
// Schema, and [Init] a first one with comments.
//
// All mistakes of a file are reported at once, each with line, column and how to
// mend it. What ${file:…} gives and the passwords of URLs are secrets: no error and no text
// of this package shows them.
package config
