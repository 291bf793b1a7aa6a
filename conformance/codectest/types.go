package codectest

import (
	"encoding/hex"
	"errors"
	"math/big"
	"net/netip"
	"time"
)

// The types of the corpus carry numbers, so that Protobuf takes them too. They
// are exported for reflection's sake alone: their fields are the profile.

type (
	point struct {
		X int32 `wire:"x,1"`
		Y int32 `wire:"y,2"`
	}
	widths struct {
		I8  int8   `wire:"i8,1"`
		I16 int16  `wire:"i16,2"`
		I32 int32  `wire:"i32,3"`
		I64 int64  `wire:"i64,4"`
		I   int    `wire:"i,5"`
		U8  uint8  `wire:"u8,6"`
		U16 uint16 `wire:"u16,7"`
		U32 uint32 `wire:"u32,8"`
		U64 uint64 `wire:"u64,9"`
		U   uint   `wire:"u,10"`
	}
	floats struct {
		F32 float32 `wire:"f32,1"`
		F64 float64 `wire:"f64,2"`
	}
	text struct {
		S string `wire:"s,1"`
	}
	blobs struct {
		B []byte   `wire:"b,1"`
		L [][]byte `wire:"l,2"`
	}
	fixed struct {
		H [4]byte    `wire:"h,1"`
		A [3]int32   `wire:"a,2"`
		G [2][2]bool `wire:"g,3"`
		S [2]string  `wire:"s,4"`
	}
	lists struct {
		B []bool             `wire:"b,1"`
		I []int64            `wire:"i,2"`
		F []float64          `wire:"f,3"`
		S []string           `wire:"s,4"`
		P []point            `wire:"p,5"`
		Q []*point           `wire:"q,6"`
		T []time.Time        `wire:"t,7"`
		D []time.Duration    `wire:"d,8"`
		A []netip.Addr       `wire:"a,9"`
		N [][]string         `wire:"n,10"`
		M [][][]int32        `wire:"m,11"`
		O []map[string]int32 `wire:"o,12"`
	}
	maps struct {
		S map[string]string           `wire:"s,1"`
		P map[string]point            `wire:"p,2"`
		Q map[string]*point           `wire:"q,3"`
		L map[string][]int32          `wire:"l,4"`
		M map[string]map[string]int32 `wire:"m,5"`
		T map[string]time.Time        `wire:"t,6"`
		B map[string][]byte           `wire:"b,7"`
		F map[string]float64          `wire:"f,8"`
	}
	keys struct {
		I   map[int64]string         `wire:"i,1"`
		I8  map[int8]bool            `wire:"i8,2"`
		U   map[uint64]bool          `wire:"u,3"`
		B   map[bool]int32           `wire:"b,4"`
		T   map[netip.Addr]int32     `wire:"t,5"`
		L   map[level]string         `wire:"l,6"`
		D   map[time.Duration]string `wire:"d,7"`
		Fix map[uuid]int32           `wire:"fix,8"`
	}
	level  int32
	levels struct {
		Level level   `wire:"level,1"`
		All   []level `wire:"all,2"`
		Opt   *level  `wire:"opt,3"`
	}
	optionals struct {
		N *int64            `wire:"n,1"`
		S *string           `wire:"s,2"`
		P *point            `wire:"p,3"`
		T *time.Time        `wire:"t,4"`
		L *[]int32          `wire:"l,5"`
		B *bool             `wire:"b,6"`
		F *float64          `wire:"f,7"`
		R *[]byte           `wire:"r,8"`
		H *[2]byte          `wire:"h,9"`
		D *time.Duration    `wire:"d,10"`
		A *netip.Addr       `wire:"a,11"`
		M *map[string]int32 `wire:"m,12"`
		U *uint64           `wire:"u,13"`
	}
	omitting struct {
		N int32            `wire:"n,1,optional"`
		F float64          `wire:"f,2,optional"`
		L []int32          `wire:"l,3,optional"`
		M map[string]int32 `wire:"m,4,optional"`
		B []byte           `wire:"b,5,optional"`
		H [2]byte          `wire:"h,6,optional"`
		P point            `wire:"p,7,optional"`
		Q weights          `wire:"q,8,optional"`
		S string           `wire:"s,9,optional"`
		T time.Time        `wire:"t,10,optional"`
	}
	weights struct {
		A [2]float64 `wire:"a,1"`
		L []int32    `wire:"l,2"`
	}
	tree struct {
		Value int32   `wire:"value,1"`
		Kids  []*tree `wire:"kids,2"`
		Next  *tree   `wire:"next,3"`
	}
	// A nest is a type that holds itself in every way.
	nest struct {
		In   *nest           `wire:"in,1"`
		List []nest          `wire:"list,2,optional"`
		By   map[string]nest `wire:"by,3,optional"`
		Deep [][]nest        `wire:"deep,4,optional"`
	}
	embedded struct {
		Name string `wire:"name,3"`
	}
	embedding struct {
		point
		embedded
		Own  bool  `wire:"own,4"`
		Kept point `wire:"kept,5"`
	}
	hiding struct {
		Shown  string   `wire:"shown,1"`
		hidden string   // which nobody must look at
		Left   chan int `wire:"-"`
	}
	instants struct {
		At  time.Time     `wire:"at,1"`
		For time.Duration `wire:"for,2"`
	}
	named struct {
		Addr  netip.Addr   `wire:"addr,1"`
		Net   netip.Prefix `wire:"net,2"`
		ID    uuid         `wire:"id,3"`
		Big   big.Int      `wire:"big,4"`
		Color color        `wire:"color,5"`
		Opt   *uuid        `wire:"opt,6"`
	}
	empty struct{}

	// A whole has all of the above in it.
	whole struct {
		Bool  bool      `wire:"bool,1"`
		Ints  widths    `wire:"ints,2"`
		Reals floats    `wire:"reals,3"`
		Text  string    `wire:"text,4"`
		Blobs blobs     `wire:"blobs,5"`
		Fixed fixed     `wire:"fixed,6"`
		Lists lists     `wire:"lists,7"`
		Maps  maps      `wire:"maps,8"`
		Keys  keys      `wire:"keys,9"`
		Enum  levels    `wire:"enum,10"`
		Opt   optionals `wire:"opt,11"`
		Omit  omitting  `wire:"omit,12"`
		Tree  *tree     `wire:"tree,13"`
		Emb   embedding `wire:"emb,14"`
		When  instants  `wire:"when,15"`
		Named named     `wire:"named,16"`
		Inner *whole    `wire:"inner,17"`
	}
)

// A uuid is an array that writes itself as text.
type uuid [16]byte

// MarshalText returns hexadecimal digits.
func (u uuid) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, u[:]), nil }

// UnmarshalText reads them, or nothing, which is zero.
func (u *uuid) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*u = uuid{}
		return nil
	}
	if len(b) != 32 {
		return errors.New("want 32 digits")
	}
	_, err := hex.Decode(u[:], b)
	return err
}

// A color is an enum with names.
type color uint8

// MarshalText returns the name.
func (c color) MarshalText() ([]byte, error) {
	return []byte([...]string{"red", "green", "blue"}[c%3]), nil
}

// UnmarshalText reads a name; nothing is the first.
func (c *color) UnmarshalText(b []byte) error {
	for i, name := range [...]string{"red", "green", "blue"} {
		if string(b) == name || len(b) == 0 {
			*c = color(i)
			return nil
		}
	}
	return errors.New("no such color")
}

func ptr[T any](v T) *T { return &v }
