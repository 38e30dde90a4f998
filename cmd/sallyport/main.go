// Sallyport stands in front of a backend: it checks what clients send, tells them what
// to correct or to wait for, and brings each result to the client that asked.
package main

import "os"

func main() { os.Exit(execute(newRoot(), os.Args[1:])) }
