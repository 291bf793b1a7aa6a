package config

import _ "embed" // for the two files

//go:embed init.yaml
var initFile string

//go:embed schema.json
var schemaFile string

// Init returns a first file with comments, which [Parse] accepts when inproc and json are registered.
func Init() []byte { return []byte(initFile) }

// Schema returns the JSON Schema (draft 2020-12) of the file, for editors. It knows the form;
// names that refer to each other, URLs and features are for [Parse] and [Config.Check].
func Schema() []byte { return []byte(schemaFile) }
