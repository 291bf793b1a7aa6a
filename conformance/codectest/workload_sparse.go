package codectest

// A profile is mostly absent, in both ways that a struct has: nil pointers, and
// zeros that are left out.
type profile struct {
	ID        string   `wire:"id,1"`
	Nick      *string  `wire:"nick,2"`
	First     *string  `wire:"first,3"`
	Last      *string  `wire:"last,4"`
	Mail      *string  `wire:"mail,5"`
	Phone     *string  `wire:"phone,6"`
	Street    *string  `wire:"street,7"`
	City      *string  `wire:"city,8"`
	Zip       *string  `wire:"zip,9"`
	Country   *string  `wire:"country,10"`
	Age       *int32   `wire:"age,11"`
	Rating    *float64 `wire:"rating,12"`
	Trips     *int64   `wire:"trips,13"`
	Verified  *bool    `wire:"verified,14"`
	Blocked   *bool    `wire:"blocked,15"`
	Parent    *profile `wire:"parent,16"`
	Company   string   `wire:"company,17,optional"`
	Tax       string   `wire:"tax,18,optional"`
	Language  string   `wire:"language,19,optional"`
	Currency  string   `wire:"currency,20,optional"`
	Referrer  string   `wire:"referrer,21,optional"`
	Campaign  string   `wire:"campaign,22,optional"`
	Device    string   `wire:"device,23,optional"`
	Version   int32    `wire:"version,24,optional"`
	Credits   int64    `wire:"credits,25,optional"`
	Debt      int64    `wire:"debt,26,optional"`
	Discount  float64  `wire:"discount,27,optional"`
	Latitude  float64  `wire:"latitude,28,optional"`
	Longitude float64  `wire:"longitude,29,optional"`
	Admin     bool     `wire:"admin,30,optional"`
	Beta      bool     `wire:"beta,31,optional"`
	Tags      []string `wire:"tags,32,optional"`
	Photo     []byte   `wire:"photo,33,optional"`
}

func (r *random) sparse() *profile {
	mail, trips, no := r.word()+"@example.org", int64(r.below(1000)), false
	return &profile{ID: "cus-00042", Mail: &mail, Trips: &trips, Blocked: &no, Language: "de", Latitude: 52.52, Tags: []string{"vip", r.word()}}
}
