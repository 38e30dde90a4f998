package config

import (
	"encoding/json"
	"reflect"

	"github.com/sallyport/sallyport/validate"
)

// The structs below are the file: it is decoded into them, and its JSON Schema is
// generated from them. A doc tag is the description, default what a left out value
// means, enum the values that a text may have; need:"true" is a key that must be there.
// The type decides on the rest: see unit.go.

var documentType = reflect.TypeFor[document]()

type document struct {
	Log    logShape     `json:"log" doc:"What the program logs."`
	Shards count        `json:"shards" doc:"Number of event loops. Default: the number of processors."`
	Admin  adminShape   `json:"admin" doc:"Where the program tells of itself, over HTTP: metrics, health and the state of each route. Left out: nowhere."`
	Drain  timeout      `json:"drain" doc:"How long a shutdown waits for open requests." default:"30s"`
	Routes []routeShape `json:"routes" need:"true" doc:"The doors: each is a listener, a protocol, rules, and the backends behind it."`
}

type logShape struct {
	Level    string `json:"level" enum:"error|warn|info|debug" default:"info" doc:"Error: the operator must act. Warn: a peer broke the protocol. Info: a connection came or went."`
	Format   string `json:"format" enum:"text|json" default:"text" doc:"One line of text or one JSON object for each event."`
	Messages bool   `json:"messages" default:"false" doc:"Log a line for each request that was verified, beside those that were refused."`
}

type adminShape struct {
	Listen      string `json:"listen" need:"true" doc:"host:port of this machine alone, or unix:/path, which only the user of the program may open."`
	Token       string `json:"token" doc:"What must be brought over TCP to change anything and, if it is set, to read: Authorization: Bearer TOKEN. At least 16 characters; write ${file:PATH}. Left out: over TCP nothing can be changed."`
	ReadToken   string `json:"read_token" doc:"What may be brought instead by those who only read."`
	OpenMetrics bool   `json:"open_metrics" default:"false" doc:"Answer /metrics without a token."`
	Pprof       bool   `json:"pprof" default:"false" doc:"Answer /debug/pprof, to those who may change something."`
}

type routeShape struct {
	Name       string          `json:"name" need:"true" doc:"Shown in logs and metrics. Unique."`
	Listen     string          `json:"listen" need:"true" doc:"Where clients connect: host:port or unix:/path."`
	TLS        *listenTLSShape `json:"tls" doc:"Has clients speak TLS, 1.2 or later. Left out: in the clear."`
	ProxyFrom  []string        `json:"proxy_from" doc:"The networks or addresses of proxies in front, which must send a PROXY header of version 1 or 2, before TLS if there is that. Nobody else may come, and clients count by the address in it. Left out: clients come themselves."`
	Kind       string          `json:"kind" enum:"exchange|relay" default:"exchange" doc:"An exchange judges each request and brings each result back. A relay moves the bytes of each client to a backend connection of its own, and back."`
	Relay      relayShape      `json:"relay" doc:"Of kind relay: how a connection must begin and end."`
	Protocol   protocolShape   `json:"protocol" doc:"What clients and backends speak. A relay needs none; with one, the first frame of each client is judged."`
	Mode       string          `json:"mode" enum:"rewrite|key|fifo|exclusive" doc:"How results are matched to requests. Default: the protocol's own."`
	Balance    string          `json:"balance" enum:"round-robin|least-in-flight|key" default:"round-robin" doc:"How a backend connection is chosen. With key each backend has a part of all keys."`
	Limits     limitsShape     `json:"limits" doc:"What the route holds at most."`
	Timeouts   timeoutsShape   `json:"timeouts" doc:"How long the route waits."`
	Validate   []ruleShape     `json:"validate" doc:"What a request must meet, beside being a message of the protocol."`
	Wait       waitShape       `json:"wait" doc:"When a client hears that its request was accepted and is being processed. Left out: never."`
	Keep       keepShape       `json:"keep" doc:"Has answers kept for clients that send a request again which was answered, in protocols in which that can be told: the repeat is answered, and not forwarded. Left out: none is."`
	RetryAfter timeout         `json:"retry_after" default:"1s" doc:"What a client is told that is to come again later."`
	Backend    backendShape    `json:"backend" doc:"The system behind the route, if it is one."`
	Backends   []backendShape  `json:"backends" doc:"The systems behind the route, which do the same work."`
	Mirror     []mirrorShape   `json:"mirror" doc:"Further targets, which get a copy of each request that is forwarded: shadow backends and audit logs."`
}

type keepShape struct {
	For   timeout `json:"for" need:"true" doc:"How long."`
	Most  count   `json:"most" default:"10000" doc:"How many answers; the oldest make room."`
	Bytes size    `json:"bytes" default:"64MiB" doc:"Bytes of requests and answers; the oldest make room."`
}

type limitsShape struct {
	Frame              size  `json:"frame" doc:"Bytes of one message. Default: what the protocol is known for, or 1MiB."`
	Inline             size  `json:"inline" doc:"Bytes of one message that are held, in a protocol whose messages say their length in front. Of a longer one only the beginning is looked at, and the rest is carried as it comes. Default: every message is held whole."`
	Carry              size  `json:"carry" default:"4GiB" doc:"Bytes of one message that are carried."`
	Depth              count `json:"depth" default:"64" doc:"Nesting in one message."`
	Items              count `json:"items" default:"1000" doc:"Members of a batch, records of a response."`
	InFlight           count `json:"in_flight" default:"128" doc:"Open requests of one client."`
	InFlightTotal      count `json:"in_flight_total" default:"65536" doc:"Open requests of all clients."`
	Connections        count `json:"connections" default:"10000" doc:"Clients."`
	ConnectionsPerPeer count `json:"connections_per_peer" doc:"Clients from one address. Default: connections."`
	Queue              size  `json:"queue" default:"4MiB" doc:"Bytes that wait for a client that does not read. At least two frames."`
	Tunnel             size  `json:"tunnel" default:"1MiB" doc:"Bytes that wait for one backend connection. At least two frames."`
	Gather             size  `json:"gather" doc:"Bytes of the answer to one batch of a client. Default: half of queue."`
	Strikes            count `json:"strikes" default:"100" doc:"Refusals in a row after which a client is closed."`
}

type timeoutsShape struct {
	Frame   timeout  `json:"frame" doc:"To receive one message, first byte to last. Default: what the protocol is known for, or 10s."`
	Body    timeout  `json:"body" default:"10m" doc:"To carry what is longer than limits.inline. It ends before if nothing of it moves for timeouts.frame."`
	Idle    patience `json:"idle" default:"10m" doc:"Without traffic and without an open request, after which a client is closed; or never."`
	Queue   timeout  `json:"queue" default:"5s" doc:"For a request to find room towards the backend."`
	Answer  timeout  `json:"answer" default:"30s" doc:"For the backend to answer."`
	Connect timeout  `json:"connect" default:"5s" doc:"To connect to a backend."`
	Linger  timeout  `json:"linger" default:"2s" doc:"For unsent bytes when a connection is closed."`
}

type backendShape struct {
	Name        string        `json:"name" doc:"Shown in logs and metrics. Default: the address."`
	Address     string        `json:"address" need:"true" doc:"host:port or unix:/path."`
	TLS         *dialTLSShape `json:"tls" doc:"Speaks TLS to the backend, 1.2 or later. Left out: in the clear."`
	Protocol    framingShape  `json:"protocol" doc:"Where the backend's framing differs from that of the clients."`
	Connections count         `json:"connections" default:"2" doc:"Connections that are kept open."`
	Own         count         `json:"own" default:"64" doc:"Connections beside these that clients can have to themselves, for requests that change a connection or hold it up."`
	InFlight    count         `json:"in_flight" doc:"Open requests on one connection. Default: what the protocol is known for, or 64."`
	Window      count         `json:"window" doc:"Messages without an answer on one connection; what is admitted beyond that waits, in order. Default: what the protocol is known for, or all of in_flight."`
	Gap         duration      `json:"gap" default:"0" doc:"The least pause between two messages: after an answer, and after one that was sent."`
	Settle      duration      `json:"settle" default:"0" doc:"The pause after a connection was made."`
	Serial      bool          `json:"serial" default:"false" doc:"For a backend that takes one request at a time and need not give its id back. Answers are matched by order, and a connection is closed after one that did not come in time."`
	Share       bool          `json:"share" default:"false" doc:"Answers reads of the same that wait at the same time once."`
	Merge       *mergeShape   `json:"merge" doc:"Sends reads of adjacent ranges that wait at the same time as one."`
	Lane        laneShape     `json:"lane" doc:"What is behind one connection and can be slow or dead by itself, such as a Modbus unit."`
	Batch       batchShape    `json:"batch" doc:"Sends requests together. Left out: each by itself."`
	Strikes     count         `json:"strikes" default:"100" doc:"Answers that nobody asked for after which a connection is closed."`
	Backoff     backoffShape  `json:"backoff" doc:"The pause before a connection that failed is tried again."`
	Circuit     circuitShape  `json:"circuit" doc:"When clients are told at once that the backend is not available."`
	Probe       probeShape    `json:"probe" doc:"Has each connection asked for a sign of life while nothing comes on it, such as with an echo test."`
}

// listenTLSShape is what a listener shows, and what it asks of its clients. Its files are looked at again while the program
// runs.
type listenTLSShape struct {
	Cert       string   `json:"cert" need:"true" doc:"A PEM file with the certificate, and those between it and its authority."`
	Key        string   `json:"key" need:"true" doc:"A PEM file with the private key, which only its owner, and perhaps a group, may read."`
	ClientCA   string   `json:"client_ca" doc:"A PEM file with the authorities that a client's certificate must come from. Left out: no client is asked for one."`
	ClientAuth string   `json:"client_auth" enum:"require|request" default:"require" doc:"With client_ca: whether who shows no certificate is let in."`
	ClientCRL  string   `json:"client_crl" doc:"A file with the certificates that these authorities have revoked, in PEM or DER."`
	Names      []string `json:"client_names" doc:"One of the names that a client's certificate must have: a DNS name, *.example.org, a URI, a mail address or the common name. Left out: any."`
	MinVersion string   `json:"min_version" enum:"1.2|1.3" default:"1.2" doc:"The least version of TLS."`
}

// dialTLSShape is what a backend must show, and what it is shown.
type dialTLSShape struct {
	CA         string `json:"ca" doc:"A PEM file with the authorities that the backend's certificate must come from. Default: those of the system."`
	CRL        string `json:"crl" doc:"A file with the certificates that these authorities have revoked, in PEM or DER."`
	Cert       string `json:"cert" doc:"A PEM file with the certificate that the backend is shown, if it asks for one."`
	Key        string `json:"key" doc:"A PEM file with its private key, which only its owner, and perhaps a group, may read."`
	ServerName string `json:"server_name" doc:"The name that the backend's certificate must have. Default: the host of its address."`
	MinVersion string `json:"min_version" enum:"1.2|1.3" default:"1.2" doc:"The least version of TLS."`
}

type probeShape struct {
	Every   timeout `json:"every" need:"true" doc:"How long nothing comes before the backend is asked."`
	Timeout timeout `json:"timeout" default:"5s" doc:"For the backend to say anything."`
	Missed  count   `json:"missed" default:"3" doc:"How often in a row it may say nothing before the connection is given up."`
}

type mergeShape struct {
	Wait duration `json:"wait" default:"0" doc:"How long a read waits for others. With 0 it meets those that wait for their turn."`
	Gap  int      `json:"gap" default:"0" doc:"The number of items between two ranges that may be read for nothing."`
}

type laneShape struct {
	Window   count   `json:"window" doc:"Messages without an answer. Default: three quarters of the backend's window."`
	Failures count   `json:"failures" default:"3" doc:"Answers in a row that did not come in time, after which it rests: requests are refused at once."`
	Rest     timeout `json:"rest" default:"5s" doc:"Until one request tries it again."`
}

type batchShape struct {
	Max    count    `json:"max" need:"true" doc:"Requests in one batch."`
	Linger duration `json:"linger" default:"0" doc:"How long a request waits for others."`
}

type backoffShape struct {
	Min timeout `json:"min" default:"100ms" doc:"After the first failure."`
	Max timeout `json:"max" default:"10s" doc:"After many."`
}

type circuitShape struct {
	Failures count   `json:"failures" default:"5" doc:"Failures in a row."`
	Rest     timeout `json:"rest" default:"5s" doc:"Until the next try."`
}

// ruleShape is one rule: exactly one of schema, rule, field, allow, deny, limits, bind.
type ruleShape struct {
	Name   string   `json:"name" doc:"Shown in reasons and counters. Default: from what it does."`
	Mode   string   `json:"mode" enum:"observe|warn|enforce" default:"enforce" doc:"Observe counts, warn logs as well, enforce refuses."`
	Reason string   `json:"reason" doc:"What was wanted, for the client."`
	Class  string   `json:"class" enum:"fix|denied" default:"fix" doc:"Whether the client can correct it or may not ask for it."`
	Names  []string `json:"names" doc:"Only for these operations. Default: for all."`

	Schema schemaShape      `json:"schema" doc:"A JSON Schema: its file, or an object."`
	Rule   *string          `json:"rule" doc:"An expression that must be true."`
	Field  *validate.Field  `json:"field" doc:"One field: its path, and what it must be."`
	Allow  []string         `json:"allow" doc:"The operations that are offered."`
	Deny   []string         `json:"deny" doc:"The operations that are not."`
	Limits *validate.Limits `json:"limits" doc:"Bounds on the message or on a part of it."`
	Bind   *validate.Bind   `json:"bind" doc:"A value and whose it is, by the identity of clients. What is violated is denied."`
}

var ruleKinds = []string{"schema", "rule", "field", "allow", "deny", "limits", "bind"}

// protocolShape is the name of a protocol and the options of its codec.
type protocolShape struct{ json.RawMessage }

// framingShape is the part of a protocolShape that a backend may have of its own.
type framingShape struct{ json.RawMessage }

// waitShape is true, false or an object.
type waitShape struct {
	on          bool
	After, Keep duration
}

type waitObject struct {
	After duration `json:"after" default:"0" doc:"Not before this time, and not at all if the result comes first."`
	Keep  duration `json:"keep" default:"1m" doc:"How long a result is kept, in protocols where the notice means that the client has to ask again."`
}

// UnmarshalJSON reads one of the three forms. An object means true.
func (w *waitShape) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &w.on) == nil {
		return nil
	}
	w.on = true
	var o waitObject
	err := json.Unmarshal(data, &o)
	w.After, w.Keep = o.After, o.Keep
	return err
}

// schemaShape is the name of a file, or an object.
type schemaShape struct{ schemaObject }

type schemaObject struct {
	File    string            `json:"file" need:"true" doc:"The file, relative to that of the configuration."`
	At      string            `json:"at" doc:"Path of the value that is checked. Default: the content of a request."`
	Methods map[string]string `json:"methods" doc:"JSON pointers into the file, by operation. Default: each member of $defs applies to the operation of its name."`
}

// UnmarshalJSON reads one of the two forms.
func (s *schemaShape) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &s.File) == nil {
		return nil
	}
	return json.Unmarshal(data, &s.schemaObject)
}
