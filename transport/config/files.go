package config

import _ "embed" // for the two files

//go:embed init.yaml
var initFile string

// Init returns a first file with comments, which [Parse] accepts when inproc and json are registered.
func Init() []byte { return []byte(initFile) }
