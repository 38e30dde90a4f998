package dialect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Names returns the names of the dialects that are built in.
func Names() []string { return slices.Clone(names) }

var names = []string{"1987-ascii", "1987-binary", "1987-ebcdic", "1993-ascii"}

// Find returns the built-in dialect that is called name.
func Find(name string) (*Dialect, bool) {
	i := slices.Index(names, name)
	if i < 0 {
		return nil, false
	}
	return builtin()[i], true
}

var builtin = sync.OnceValue(func() []*Dialect {
	ascii, binary, ebcdic := table(edition1987, 1987), table(edition1987, 1987), table(edition1987, 1987)
	newer := table(edition1993, 1993)
	ascii.Name, ascii.Doc = "1987-ascii", "ISO 8583:1987 in ASCII, bitmaps in hexadecimal digits."
	ascii.Bitmap = Hex
	newer.Name, newer.Doc = "1993-ascii", "ISO 8583:1993 in ASCII, bitmaps in hexadecimal digits."
	newer.Bitmap = Hex
	binary.Name, binary.Doc = "1987-binary", "ISO 8583:1987 with bitmaps in bytes and digits in BCD, an odd number of them behind a 0; text in ASCII."
	binary.MTI, binary.Bitmap = BCD, Binary
	ebcdic.Name, ebcdic.Doc = "1987-ebcdic", "ISO 8583:1987 in EBCDIC (code page 037), bitmaps in bytes."
	ebcdic.MTI, ebcdic.Bitmap = EBCDIC, Binary
	for _, f := range binary.Fields {
		f.pack()
	}
	for _, f := range ebcdic.Fields {
		f.translate()
	}
	return []*Dialect{ascii, binary, ebcdic, newer}
})

// pack has digits and lengths in BCD.
func (f *Field) pack() {
	if f == nil {
		return
	}
	if f.Digits > 0 {
		f.Prefix = BCD
	}
	if f.Type == N || f.Type == Track || f.Type == Amount {
		f.Encoding = BCD
	}
	if f.Type == Track {
		f.PadRight, f.Fill = true, 0xF // as it is on the card
	}
	if f.Number == 55 {
		f.Inside = &Composite{Kind: BER}
	}
}

// translate has text and lengths in EBCDIC.
func (f *Field) translate() {
	if f == nil {
		return
	}
	if f.Digits > 0 {
		f.Prefix = EBCDIC
	}
	if f.Type != Bytes {
		f.Encoding = EBCDIC
	}
	if f.Number == 55 {
		f.Inside = &Composite{Kind: BER}
	}
}

// table reads an edition.
func table(text string, version int) *Dialect {
	d := &Dialect{Version: version, Fields: make([]*Field, 129)}
	for line := range strings.Lines(strings.TrimSpace(text)) {
		words := strings.SplitN(strings.TrimSpace(line), "|", 3)
		from, to, several := strings.Cut(words[0], "-")
		first, last := must(strconv.Atoi(from)), 0
		if last = first; several {
			last = must(strconv.Atoi(to))
		}
		for n := first; n <= last; n++ {
			f := &Field{Number: n, Name: strings.TrimPrefix(words[2], "!"), Secret: strings.HasPrefix(words[2], "!")}
			if err := f.setForm(words[1]); err != nil {
				panic(fmt.Sprintf("dialect: field %d: %v", n, err))
			}
			if f.Type == Bytes {
				f.Encoding = Binary
			}
			d.Fields[n] = f
		}
	}
	for n, parts := range map[int]string{90: originals1987, 56: originals1993} {
		if (n == 90) == (version == 1987) {
			d.Fields[n].Inside = &Composite{Kind: Positional, Parts: positional(parts)}
		}
	}
	return d
}

func positional(text string) (parts []*Field) {
	for word := range strings.SplitSeq(text, ",") {
		id, form, _ := strings.Cut(word, "=")
		f := &Field{ID: id}
		if err := f.setForm(form); err != nil {
			panic("dialect: " + err.Error())
		}
		parts = append(parts, f)
	}
	return parts
}

func must(n int, err error) int {
	if err != nil {
		panic("dialect: " + err.Error())
	}
	return n
}

// What is in a field that holds the original data elements (ISO 8583:1987, 4.3.90; 1993, field 56).
const (
	originals1987 = "mti=n 4,stan=n 6,time=n 10,acquirer=n 11,forwarder=n 11"
	originals1993 = "mti=n 4,stan=n 6,time=n 12,acquirer=n..11"
)

// The fields of ISO 8583:1987, a line each: number, form, name. An exclamation mark says that it is secret: account
// data and sensitive authentication data in the sense of PCI DSS, and what may hold them.
const edition1987 = `
2|n..19|!primary account number
3|n 6|processing code
4|n 12|amount, transaction
5|n 12|amount, settlement
6|n 12|amount, cardholder billing
7|n 10|transmission date and time
8|n 8|amount, cardholder billing fee
9|n 8|conversion rate, settlement
10|n 8|conversion rate, cardholder billing
11|n 6|systems trace audit number
12|n 6|time, local transaction
13|n 4|date, local transaction
14|n 4|!date, expiration
15|n 4|date, settlement
16|n 4|date, conversion
17|n 4|date, capture
18|n 4|merchant's type
19|n 3|acquiring institution country code
20|n 3|primary account number extended, country code
21|n 3|forwarding institution country code
22|n 3|point of service entry mode
23|n 3|card sequence number
24|n 3|network international identifier
25|n 2|point of service condition code
26|n 2|point of service PIN capture code
27|n 1|authorization identification response length
28|x+n 8|amount, transaction fee
29|x+n 8|amount, settlement fee
30|x+n 8|amount, transaction processing fee
31|x+n 8|amount, settlement processing fee
32|n..11|acquiring institution identification code
33|n..11|forwarding institution identification code
34|ns..28|!primary account number, extended
35|z..37|!track 2 data
36|z...104|!track 3 data
37|an 12|retrieval reference number
38|an 6|authorization identification response
39|an 2|response code
40|an 3|service restriction code
41|ans 8|card acceptor terminal identification
42|ans 15|card acceptor identification code
43|ans 40|card acceptor name and location
44|ans..25|additional response data
45|ans..76|!track 1 data
46|ans...999|additional data, ISO
47|ans...999|additional data, national
48|ans...999|!additional data, private
49|an 3|currency code, transaction
50|an 3|currency code, settlement
51|an 3|currency code, cardholder billing
52|b 64|!personal identification number data
53|n 16|!security related control information
54|ans...120|additional amounts
55|b...999|!chip data
56-59|ans...999|!reserved
60-63|ans...999|!reserved, private
64|b 64|message authentication code
66|n 1|settlement code
67|n 2|extended payment code
68|n 3|receiving institution country code
69|n 3|settlement institution country code
70|n 3|network management information code
71|n 4|message number
72|n 4|message number, last
73|n 6|date, action
74|n 10|credits, number
75|n 10|credits, reversal number
76|n 10|debits, number
77|n 10|debits, reversal number
78|n 10|transfer, number
79|n 10|transfer, reversal number
80|n 10|inquiries, number
81|n 10|authorizations, number
82|n 12|credits, processing fee amount
83|n 12|credits, transaction fee amount
84|n 12|debits, processing fee amount
85|n 12|debits, transaction fee amount
86|n 16|credits, amount
87|n 16|credits, reversal amount
88|n 16|debits, amount
89|n 16|debits, reversal amount
90|n 42|original data elements
91|an 1|file update code
92|an 2|file security code
93|an 5|response indicator
94|an 7|service indicator
95|an 42|replacement amounts
96|b 64|!message security code
97|x+n 16|amount, net settlement
98|ans 25|payee
99|n..11|settlement institution identification code
100|n..11|receiving institution identification code
101|ans..17|file name
102|ans..28|!account identification 1
103|ans..28|!account identification 2
104|ans...100|transaction description
105-111|ans...999|!reserved for ISO use
112-119|ans...999|!reserved for national use
120-127|ans...999|!reserved for private use
128|b 64|message authentication code
`

// The fields of ISO 8583:1993.
const edition1993 = `
2|n..19|!primary account number
3|n 6|processing code
4|n 12|amount, transaction
5|n 12|amount, reconciliation
6|n 12|amount, cardholder billing
7|n 10|date and time, transmission
8|n 8|amount, cardholder billing fee
9|n 8|conversion rate, reconciliation
10|n 8|conversion rate, cardholder billing
11|n 6|systems trace audit number
12|n 12|date and time, local transaction
13|n 4|date, effective
14|n 4|!date, expiration
15|n 6|date, settlement
16|n 4|date, conversion
17|n 4|date, capture
18|n 4|merchant type
19|n 3|country code, acquiring institution
20|n 3|country code, primary account number
21|n 3|country code, forwarding institution
22|an 12|point of service data code
23|n 3|card sequence number
24|n 3|function code
25|n 4|message reason code
26|n 4|card acceptor business code
27|n 1|approval code length
28|n 6|date, reconciliation
29|n 3|reconciliation indicator
30|n 24|amounts, original
31|ans..99|acquirer reference data
32|n..11|acquiring institution identification code
33|n..11|forwarding institution identification code
34|ns..28|!primary account number, extended
35|z..37|!track 2 data
36|z...104|!track 3 data
37|an 12|retrieval reference number
38|an 6|approval code
39|n 3|action code
40|n 3|service code
41|ans 8|card acceptor terminal identification
42|ans 15|card acceptor identification code
43|ans..99|card acceptor name and location
44|ans..99|additional response data
45|ans..76|!track 1 data
46|ans...204|amounts, fees
47|ans...999|additional data, national
48|ans...999|!additional data, private
49|an 3|currency code, transaction
50|an 3|currency code, reconciliation
51|an 3|currency code, cardholder billing
52|b 64|!personal identification number data
53|b..48|!security related control information
54|ans...120|amounts, additional
55|b...255|!integrated circuit card system related data
56|n..35|original data elements
57|n 3|authorization life cycle code
58|n..11|authorizing agent institution identification code
59|ans...999|transport data
60-61|ans...999|!reserved for national use
62-63|ans...999|!reserved for private use
64|b 64|message authentication code
66|ans...204|amounts, original fees
67|n 2|extended payment data
68|n 3|country code, receiving institution
69|n 3|country code, settlement institution
70|n 3|country code, authorizing agent institution
71|n 8|message number
72|ans...999|!data record
73|n 6|date, action
74|n 10|credits, number
75|n 10|credits, reversal number
76|n 10|debits, number
77|n 10|debits, reversal number
78|n 10|transfer, number
79|n 10|transfer, reversal number
80|n 10|inquiries, number
81|n 10|authorizations, number
82|n 10|inquiries, reversal number
83|n 10|payments, number
84|n 10|payments, reversal number
85|n 10|fee collections, number
86|n 16|credits, amount
87|n 16|credits, reversal amount
88|n 16|debits, amount
89|n 16|debits, reversal amount
90|n 10|authorizations, reversal number
91|n 3|country code, transaction destination institution
92|n 3|country code, transaction originator institution
93|n..11|transaction destination institution identification code
94|n..11|transaction originator institution identification code
95|ans..99|card issuer reference data
96|b...999|!key management data
97|x+n 16|amount, net reconciliation
98|ans 25|payee
99|an..11|settlement institution identification code
100|n..11|receiving institution identification code
101|ans..17|file name
102|ans..28|!account identification 1
103|ans..28|!account identification 2
104|ans...100|transaction description
105|n 16|credits, chargeback amount
106|n 16|debits, chargeback amount
107|n 10|credits, chargeback number
108|n 10|debits, chargeback number
109|ans..84|credits, fee amounts
110|ans..84|debits, fee amounts
111|ans...999|!reserved for ISO use
112-115|ans...999|!reserved for ISO use
116-122|ans...999|!reserved for national use
123-127|ans...999|!reserved for private use
128|b 64|message authentication code
`
