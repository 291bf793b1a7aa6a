module example.com/stranger

go 1.26.0

require github.com/polywire/polywire v0.0.0

replace github.com/polywire/polywire => ../../..
