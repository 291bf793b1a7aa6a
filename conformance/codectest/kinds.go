package codectest

// kindRules are the cases that carry the samples of their id.
func kindRules() [][2]string {
	return [][2]string{
		{"C001", "true and false come back"},
		{"C002", "signed integers of 8 to 64 bits come back at their lowest, -1, 0, 1 and highest"},
		{"C003", "unsigned integers of 8 to 64 bits come back at 0, 1 and their highest"},
		{"C004", "integers around 2^53 are exact"},
		{"C005", "floats come back bit by bit: -0, the smallest, the largest, pi"},
		{"C006", "NaN and the infinities come back, also inside lists and maps"},
		{"C007", "strings of every class of rune come back, control characters and noncharacters too"},
		{"C009", "a string of 1 MiB comes back"},
		{"C010", "bytes come back as bytes: none, all 256, 1 MiB"},
		{"C011", "arrays of bytes come back"},
		{"C012", "lists come back: nil, empty, one item, 65,536"},
		{"C013", "lists of lists of lists come back"},
		{"C014", "arrays come back with every item in its place"},
		{"C015", "maps with string keys come back: nil, empty, one entry, 10,000"},
		{"C016", "maps with integer, boolean and text keys come back"},
		{"C017", "keys of every class of rune come back, the empty one and separators too"},
		{"C018", "a struct with all kinds comes back"},
		{"C019", "fields of embedded structs come back in place"},
		{"C020", "pointers come back: nil, set, and two to one target"},
		{"C022", "a zero behind a pointer is not absence"},
		{"C023", "an enum keeps a value that nobody named"},
		{"C025", "a time is the same instant in UTC, to the nanosecond, in the years 1 to 9999"},
		{"C026", "a duration comes back to the nanosecond"},
		{"C027", "types with MarshalText come back: addresses, UUIDs, big integers, named enums"},
		{"C028", "recursive types come back"},
		{"C029", "fields that are not exported or tagged wire:\"-\" are left out"},
		{"C030", "what is no struct stands at the top too"},
		{"C095", "zeros that a tag leaves out come back as zeros; -0 is none"},
		{"C097", "the zero time comes back"},
	}
}

func kindCases() []Case {
	var all []Case
	for _, r := range kindRules() {
		group := "A"
		if r[0] >= "C094" {
			group = "H"
		}
		all = append(all, Case{ID: r[0], Group: group, Rule: r[1], Run: carries(r[0])})
	}
	return all
}

// carries runs a round trip of each sample of the case id.
func carries(id string) func(e *Env) {
	return func(e *Env) {
		for _, s := range Corpus() {
			if s.Case == id {
				e.Part(s.Name, func() { e.RoundTrip(e.Codec, s.Value) })
			}
		}
	}
}
