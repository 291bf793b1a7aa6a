module example.com/sealed

go 1.26.0

require github.com/polywire/polywire v0.0.0

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/polywire/polywire => ../../..
