package resp

import (
	"fmt"
	"strconv"
	"strings"
)

// command is what the table knows of a command, or of one part of a command that has several, such as CONFIG GET.
type command struct {
	name              string
	code              int32 // by which it is known, from 1
	lower             string
	arity             int   // of words, its name included; negative: at least as many
	first, last, step int   // of its keys, by number of the word; last counts from the end if it is negative; first 0: none
	numkeys           int   // the word that says how many keys follow it; 0: none
	streams           bool  // they stand behind STREAMS
	options           int   // the word from which on an option may name a further one; 0: none
	every             bool  // it is about every key
	roams             bool  // it may be about keys that it does not name
	waits             int   // the word that says how long it may wait, from the end if it is negative; 0: it does not
	container         bool  // its second word says what it is
	place, home       place // home is the table's own
	binds             bool  // it changes its connection
	never             bool  // it must not be sent
	join              join
	shape             byte // of the answer in version 2
	counts            int  // the word without which it has none; 0: always
}

// place says over which connection a command goes.
type place uint8

const (
	shared  place = iota // any
	own                  // the client's own, from then on
	alone                // one that it has alone until the answer
	local                // none: the gateway answers
	refused              // none
)

var places = map[string]place{"shared": shared, "own": own, "alone": alone, "local": local, "refused": refused}

// join is how the answers of several backends become one.
type join uint8

const (
	joinNot  join = iota
	joinList      // an element for each key
	joinSum       // of integers
	joinOK        // OK, if all say so
)

// table is read once, from text that reads as the documentation of Redis does.
var table = parseTable(commandTable)

func parseTable(text string) map[string]*command {
	all := map[string]*command{}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		name, rest, _ := strings.Cut(line, ": ")
		c := &command{name: name, lower: strings.ToLower(strings.ReplaceAll(name, " ", "|"))}
		for i, word := range strings.Fields(rest) {
			c.read(i, word)
		}
		all[name] = c
		c.code = int32(len(all))
	}
	return all
}

// read takes in one word of the table, which is part of this program: a mistake in it is a bug.
func (c *command) read(i int, word string) {
	key, value, _ := strings.Cut(word, "=")
	var err error
	switch {
	case i == 0:
		c.arity, err = strconv.Atoi(word)
	case key == "keys":
		_, err = fmt.Sscanf(value, "%d,%d,%d", &c.first, &c.last, &c.step)
	case key == "numkeys":
		c.numkeys, err = strconv.Atoi(value)
	case word == "streams":
		c.streams = true
	case key == "options":
		c.options, err = strconv.Atoi(value)
	case key == "waits":
		c.waits, err = strconv.Atoi(value)
	case word == "every":
		c.every = true
	case key == "shape":
		c.shape = map[string]byte{"flat": shapeFlat, "pairs": shapePairs | shapeNull, "null": shapeNull, "nulls": shapeNulls}[value]
	case key == "counts":
		c.counts, err = strconv.Atoi(value)
	case word == "roams":
		c.roams = true
	case word == "binds":
		c.binds = true
	case word == "never":
		c.never = true
	case word == "container":
		c.container = true
	case key == "join":
		c.join = map[string]join{"list": joinList, "sum": joinSum, "ok": joinOK}[value]
	default:
		to, ok := places[word]
		if !ok {
			err = fmt.Errorf("no place is called %s", word)
		}
		c.place, c.home = to, to
		c.binds = c.binds || to == own
	}
	if err != nil {
		panic(fmt.Sprintf("resp: the table of commands: %s: %v", c.name, err))
	}
}

// cannot says why c cannot go to a place, "" if it can.
func (c *command) cannot(to place) string {
	switch home := c.home; {
	case to == refused || to == home:
	case to == local:
		return "cannot be answered by the gateway"
	case c.never:
		return "can only be refused: it has no answer, or no end of them"
	case c.binds && to != own:
		return "changes its connection: it can be own or refused"
	case home == local:
		return "is answered by the gateway: it can be local or refused"
	case home == alone && to == shared:
		return "waits, and others would wait with it: it can be alone, own or refused"
	}
	return ""
}

// special reports whether bind has something to say of c by its name.
func (c *command) special() bool {
	switch c.name {
	case "MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH", "CLIENT TRACKING", "RESET", "SELECT", "CLIENT REPLY", "HELLO", "QUIT":
		return true
	}
	return family(c.name)
}

// keyed reports whether there is a request without a key that has c for its command only by mistake.
func (c *command) keyed() bool { return c.first > 0 || c.streams || c.numkeys > 0 && !c.roams }

// commandTable is that of Redis 7: the number of words, as its COMMAND says it, which of them are keys, and, where it is
// not shared, where the command goes.
const commandTable = `
ACL CAT: -2 refused
ACL DELUSER: -3 refused
ACL DRYRUN: -4 refused
ACL GENPASS: -2 refused
ACL GETUSER: 3 refused
ACL LIST: 2 refused
ACL LOAD: 2 refused
ACL LOG: -2 refused
ACL SAVE: 2 refused
ACL SETUSER: -3 refused
ACL USERS: 2 refused
ACL WHOAMI: 2 refused
ACL: -2 refused container
APPEND: 3 keys=1,1,1
ASKING: 1 refused binds
AUTH: -2 own
BGREWRITEAOF: 1 refused
BGSAVE: -1 refused
BITCOUNT: -2 keys=1,1,1
BITFIELD: -2 keys=1,1,1
BITFIELD_RO: -2 keys=1,1,1
BITOP: -4 keys=2,-1,1
BITPOS: -3 keys=1,1,1
BLMOVE: 6 keys=1,2,1 alone waits=-1 shape=null
BLMPOP: -5 numkeys=2 alone waits=1 shape=null
BLPOP: -3 keys=1,-2,1 alone waits=-1 shape=null
BRPOP: -3 keys=1,-2,1 alone waits=-1 shape=null
BRPOPLPUSH: 4 keys=1,2,1 alone waits=-1 shape=null
BZMPOP: -5 numkeys=2 alone waits=1 shape=null
BZPOPMAX: -3 keys=1,-2,1 alone waits=-1 shape=null
BZPOPMIN: -3 keys=1,-2,1 alone waits=-1 shape=null
CLIENT CACHING: 3 own
CLIENT GETNAME: 2 local
CLIENT GETREDIR: 2 own
CLIENT ID: 2 local
CLIENT INFO: 2 own
CLIENT KILL: -3 refused
CLIENT LIST: -2 refused
CLIENT NO-EVICT: 3 own
CLIENT NO-TOUCH: 3 own
CLIENT PAUSE: -3 refused
CLIENT REPLY: 3 refused never
CLIENT SETINFO: 4 local
CLIENT SETNAME: 3 local
CLIENT TRACKING: -3 own
CLIENT TRACKINGINFO: 2 own
CLIENT UNBLOCK: -3 refused
CLIENT UNPAUSE: 2 refused
CLIENT: -2 container
CLUSTER ADDSLOTS: -3 refused
CLUSTER ADDSLOTSRANGE: -4 refused
CLUSTER BUMPEPOCH: 2 refused
CLUSTER COUNT-FAILURE-REPORTS: 3 refused
CLUSTER COUNTKEYSINSLOT: 3 refused
CLUSTER DELSLOTS: -3 refused
CLUSTER DELSLOTSRANGE: -4 refused
CLUSTER FAILOVER: -2 refused
CLUSTER FLUSHSLOTS: 2 refused
CLUSTER FORGET: 3 refused
CLUSTER GETKEYSINSLOT: 4 refused
CLUSTER INFO: 2 refused
CLUSTER KEYSLOT: 3 refused
CLUSTER LINKS: 2 refused
CLUSTER MEET: -4 refused
CLUSTER MYID: 2 refused
CLUSTER MYSHARDID: 2 refused
CLUSTER NODES: 2 refused
CLUSTER REPLICAS: 3 refused
CLUSTER REPLICATE: 3 refused
CLUSTER RESET: -2 refused
CLUSTER SAVECONFIG: 2 refused
CLUSTER SET-CONFIG-EPOCH: 3 refused
CLUSTER SETSLOT: -4 refused
CLUSTER SHARDS: 2 refused
CLUSTER SLAVES: 3 refused
CLUSTER SLOTS: 2 refused
CLUSTER: -2 refused container
COMMAND COUNT: 2
COMMAND DOCS: -2
COMMAND GETKEYS: -4
COMMAND GETKEYSANDFLAGS: -4
COMMAND INFO: -2
COMMAND LIST: -2
COMMAND: -1 container
CONFIG GET: -3 refused
CONFIG RESETSTAT: 2 refused
CONFIG REWRITE: 2 refused
CONFIG SET: -4 refused
CONFIG: -2 refused container
COPY: -3 keys=1,2,1
DBSIZE: 1 every
DEBUG: -2 refused
DECR: 2 keys=1,1,1
DECRBY: 3 keys=1,1,1
DEL: -2 keys=1,-1,1 join=sum
DISCARD: 1 own
DUMP: 2 keys=1,1,1
ECHO: 2
EVAL: -3 numkeys=2 refused roams
EVALSHA: -3 numkeys=2 refused roams
EVALSHA_RO: -3 numkeys=2 refused roams
EVAL_RO: -3 numkeys=2 refused roams
EXEC: 1 own shape=null
EXISTS: -2 keys=1,-1,1 join=sum
EXPIRE: -3 keys=1,1,1
EXPIREAT: -3 keys=1,1,1
EXPIRETIME: 2 keys=1,1,1
FAILOVER: -1 refused
FCALL: -3 numkeys=2 refused roams
FCALL_RO: -3 numkeys=2 refused roams
FLUSHALL: -1 every roams
FLUSHDB: -1 every roams
FUNCTION DELETE: 3 refused
FUNCTION DUMP: 2 refused
FUNCTION FLUSH: -2 refused
FUNCTION KILL: 2 refused
FUNCTION LIST: -2 refused
FUNCTION LOAD: -3 refused
FUNCTION RESTORE: -3 refused
FUNCTION STATS: 2 refused
FUNCTION: -2 refused container
GEOADD: -5 keys=1,1,1
GEODIST: -4 keys=1,1,1
GEOHASH: -2 keys=1,1,1
GEOPOS: -2 keys=1,1,1 shape=nulls
GEORADIUS: -6 keys=1,1,1 options=6
GEORADIUSBYMEMBER: -5 keys=1,1,1 options=5
GEORADIUSBYMEMBER_RO: -5 keys=1,1,1
GEORADIUS_RO: -6 keys=1,1,1
GEOSEARCH: -7 keys=1,1,1
GEOSEARCHSTORE: -8 keys=1,2,1
GET: 2 keys=1,1,1
GETBIT: 3 keys=1,1,1
GETDEL: 2 keys=1,1,1
GETEX: -2 keys=1,1,1
GETRANGE: 4 keys=1,1,1
GETSET: 3 keys=1,1,1
HDEL: -3 keys=1,1,1
HELLO: -1 local
HEXISTS: 3 keys=1,1,1
HEXPIRE: -6 keys=1,1,1
HEXPIREAT: -6 keys=1,1,1
HEXPIRETIME: -5 keys=1,1,1
HGET: 3 keys=1,1,1
HGETALL: 2 keys=1,1,1
HINCRBY: 4 keys=1,1,1
HINCRBYFLOAT: 4 keys=1,1,1
HKEYS: 2 keys=1,1,1
HLEN: 2 keys=1,1,1
HMGET: -3 keys=1,1,1
HMSET: -4 keys=1,1,1
HPERSIST: -5 keys=1,1,1
HPEXPIRE: -6 keys=1,1,1
HPEXPIREAT: -6 keys=1,1,1
HPEXPIRETIME: -5 keys=1,1,1
HPTTL: -5 keys=1,1,1
HRANDFIELD: -2 keys=1,1,1 shape=flat
HSCAN: -3 keys=1,1,1
HSET: -4 keys=1,1,1
HSETNX: 4 keys=1,1,1
HSTRLEN: 3 keys=1,1,1
HTTL: -5 keys=1,1,1
HVALS: 2 keys=1,1,1
INCR: 2 keys=1,1,1
INCRBY: 3 keys=1,1,1
INCRBYFLOAT: 3 keys=1,1,1
INFO: -1 every
KEYS: 2 every roams
LASTSAVE: 1 refused
LATENCY DOCTOR: 2 refused
LATENCY GRAPH: 3 refused
LATENCY HISTOGRAM: -2 refused
LATENCY HISTORY: 3 refused
LATENCY LATEST: 2 refused
LATENCY RESET: -2 refused
LATENCY: -2 refused container
LCS: -3 keys=1,2,1
LINDEX: 3 keys=1,1,1
LINSERT: 5 keys=1,1,1
LLEN: 2 keys=1,1,1
LMOVE: 5 keys=1,2,1
LMPOP: -4 numkeys=1 shape=null
LOLWUT: -1
LPOP: -2 keys=1,1,1 shape=null counts=2
LPOS: -3 keys=1,1,1
LPUSH: -3 keys=1,1,1
LPUSHX: -3 keys=1,1,1
LRANGE: 4 keys=1,1,1
LREM: 4 keys=1,1,1
LSET: 4 keys=1,1,1
LTRIM: 4 keys=1,1,1
MEMORY DOCTOR: 2 refused
MEMORY MALLOC-STATS: 2 refused
MEMORY PURGE: 2 refused
MEMORY STATS: 2 every
MEMORY USAGE: -3 keys=2,2,1
MEMORY: -2 container
MGET: -2 keys=1,-1,1 join=list
MIGRATE: -6 keys=3,3,1 refused
MODULE LIST: 2 refused
MODULE LOAD: -3 refused
MODULE LOADEX: -3 refused
MODULE UNLOAD: 3 refused
MODULE: -2 refused container
MONITOR: 1 refused never
MOVE: 3 keys=1,1,1
MSET: -3 keys=1,-1,2 join=ok
MSETNX: -3 keys=1,-1,2
MULTI: 1 own
OBJECT ENCODING: 3 keys=2,2,1
OBJECT FREQ: 3 keys=2,2,1
OBJECT IDLETIME: 3 keys=2,2,1
OBJECT REFCOUNT: 3 keys=2,2,1
OBJECT: -2 container
PERSIST: 2 keys=1,1,1
PEXPIRE: -3 keys=1,1,1
PEXPIREAT: -3 keys=1,1,1
PEXPIRETIME: 2 keys=1,1,1
PFADD: -2 keys=1,1,1
PFCOUNT: -2 keys=1,-1,1
PFDEBUG: 3 keys=2,2,1 refused
PFMERGE: -2 keys=1,-1,1
PFSELFTEST: 1 refused
PING: -1
PSETEX: 4 keys=1,1,1
PSUBSCRIBE: -2 own
PSYNC: -3 refused never
PTTL: 2 keys=1,1,1
PUBLISH: 3 every
PUBSUB CHANNELS: -2 every
PUBSUB NUMPAT: 2 every
PUBSUB NUMSUB: -2 every
PUBSUB SHARDCHANNELS: -2 every
PUBSUB SHARDNUMSUB: -2 every
PUBSUB: -2 every container
PUNSUBSCRIBE: -1 own
QUIT: -1 local
RANDOMKEY: 1 every roams
READONLY: 1 refused binds
READWRITE: 1 refused binds
RENAME: 3 keys=1,2,1
RENAMENX: 3 keys=1,2,1
REPLCONF: -1 refused never
REPLICAOF: 3 refused
RESET: 1 local
RESTORE-ASKING: -4 keys=1,1,1 refused
RESTORE: -4 keys=1,1,1
ROLE: 1 refused
RPOP: -2 keys=1,1,1 shape=null counts=2
RPOPLPUSH: 3 keys=1,2,1
RPUSH: -3 keys=1,1,1
RPUSHX: -3 keys=1,1,1
SADD: -3 keys=1,1,1
SAVE: 1 refused
SCAN: -2 every roams
SCARD: 2 keys=1,1,1
SCRIPT DEBUG: 3 refused binds
SCRIPT EXISTS: -3 refused every
SCRIPT FLUSH: -2 refused every
SCRIPT KILL: 2 refused
SCRIPT LOAD: 3 refused every
SCRIPT: -2 container
SDIFF: -2 keys=1,-1,1
SDIFFSTORE: -3 keys=1,-1,1
SELECT: 2 own
SET: -3 keys=1,1,1
SETBIT: 4 keys=1,1,1
SETEX: 4 keys=1,1,1
SETNX: 3 keys=1,1,1
SETRANGE: 4 keys=1,1,1
SHUTDOWN: -1 refused
SINTER: -2 keys=1,-1,1
SINTERCARD: -3 numkeys=1
SINTERSTORE: -3 keys=1,-1,1
SISMEMBER: 3 keys=1,1,1
SLAVEOF: 3 refused
SLOWLOG GET: -2 refused
SLOWLOG LEN: 2 refused
SLOWLOG RESET: 2 refused
SLOWLOG: -2 refused container
SMEMBERS: 2 keys=1,1,1
SMISMEMBER: -3 keys=1,1,1
SMOVE: 4 keys=1,2,1
SORT: -2 keys=1,1,1 options=2
SORT_RO: -2 keys=1,1,1 options=2
SPOP: -2 keys=1,1,1
SPUBLISH: 3 keys=1,1,1
SRANDMEMBER: -2 keys=1,1,1
SREM: -3 keys=1,1,1
SSCAN: -3 keys=1,1,1
SSUBSCRIBE: -2 keys=1,-1,1 own
STRLEN: 2 keys=1,1,1
SUBSCRIBE: -2 own
SUBSTR: 4 keys=1,1,1
SUNION: -2 keys=1,-1,1
SUNIONSTORE: -3 keys=1,-1,1
SUNSUBSCRIBE: -1 keys=1,-1,1 own
SWAPDB: 3 refused every roams
SYNC: 1 refused never
TIME: 1
TOUCH: -2 keys=1,-1,1 join=sum
TTL: 2 keys=1,1,1
TYPE: 2 keys=1,1,1
UNLINK: -2 keys=1,-1,1 join=sum
UNSUBSCRIBE: -1 own
UNWATCH: 1 own
WAIT: 3 alone every waits=2
WAITAOF: 4 alone every waits=3
WATCH: -2 keys=1,-1,1 own
XACK: -4 keys=1,1,1
XADD: -5 keys=1,1,1
XAUTOCLAIM: -6 keys=1,1,1
XCLAIM: -6 keys=1,1,1
XDEL: -3 keys=1,1,1
XGROUP CREATE: -5 keys=2,2,1
XGROUP CREATECONSUMER: 5 keys=2,2,1
XGROUP DELCONSUMER: 5 keys=2,2,1
XGROUP DESTROY: 4 keys=2,2,1
XGROUP SETID: -5 keys=2,2,1
XGROUP: -2 container
XINFO CONSUMERS: 4 keys=2,2,1
XINFO GROUPS: 3 keys=2,2,1
XINFO STREAM: -3 keys=2,2,1
XINFO: -2 container
XLEN: 2 keys=1,1,1
XPENDING: -3 keys=1,1,1
XRANGE: -4 keys=1,1,1
XREAD: -4 streams shape=pairs
XREADGROUP: -7 streams shape=pairs
XREVRANGE: -4 keys=1,1,1
XSETID: -3 keys=1,1,1
XTRIM: -4 keys=1,1,1
ZADD: -4 keys=1,1,1
ZCARD: 2 keys=1,1,1
ZCOUNT: 4 keys=1,1,1
ZDIFF: -3 numkeys=1 shape=flat
ZDIFFSTORE: -4 keys=1,1,1 numkeys=2
ZINCRBY: 4 keys=1,1,1
ZINTER: -3 numkeys=1 shape=flat
ZINTERCARD: -3 numkeys=1
ZINTERSTORE: -4 keys=1,1,1 numkeys=2
ZLEXCOUNT: 4 keys=1,1,1
ZMPOP: -4 numkeys=1 shape=null
ZMSCORE: -3 keys=1,1,1
ZPOPMAX: -2 keys=1,1,1 shape=flat counts=2
ZPOPMIN: -2 keys=1,1,1 shape=flat counts=2
ZRANDMEMBER: -2 keys=1,1,1 shape=flat
ZRANGE: -4 keys=1,1,1 shape=flat
ZRANGEBYLEX: -4 keys=1,1,1
ZRANGEBYSCORE: -4 keys=1,1,1 shape=flat
ZRANGESTORE: -5 keys=1,2,1
ZRANK: -3 keys=1,1,1 shape=null counts=3
ZREM: -3 keys=1,1,1
ZREMRANGEBYLEX: 4 keys=1,1,1
ZREMRANGEBYRANK: 4 keys=1,1,1
ZREMRANGEBYSCORE: 4 keys=1,1,1
ZREVRANGE: -4 keys=1,1,1 shape=flat
ZREVRANGEBYLEX: -4 keys=1,1,1
ZREVRANGEBYSCORE: -4 keys=1,1,1 shape=flat
ZREVRANK: -3 keys=1,1,1 shape=null counts=3
ZSCAN: -3 keys=1,1,1
ZSCORE: 3 keys=1,1,1
ZUNION: -3 numkeys=1 shape=flat
ZUNIONSTORE: -4 keys=1,1,1 numkeys=2
`
