// Package gateway is the business state machine of sallyport: it reads whole requests
// from many clients, checks every one, forwards what is right over few backend
// connections, splits what comes back, and gives each result to the client that asked.
//
// Read session.go for the way in and backend.go for the way back. The two never call
// each other: they meet in the [Ledger], and in the tunnel that leads to the backend.
package gateway
