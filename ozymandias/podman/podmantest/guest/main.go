// Guest is what runs in the containers of tests: the only file of their image. What it is told, it does one word after the other:
//
//	print TEXT     a line to standard output
//	warn TEXT      a line to standard error
//	env NAME       the value of an environment variable, as a line
//	read FILE      what a file contains, as lines
//	write FILE     an empty file
//	cat            standard input, to its end
//	eat BYTES      takes so much memory and uses it
//	fork           starts a child in a session of its own that takes no signal but SIGKILL
//	serve PORT     answers HTTP, from then on
//	tell PORT      answers HTTP with the address that asks, from then on
//	get URL        what that answers, as lines
//	lookup NAME    the addresses of a name, sorted, as a line
//	deaf           takes no signal but SIGKILL, from then on
//	wait           waits for SIGTERM, then goes on
//	stay           waits for ever; SIGTERM ends it with 0, SIGUSR1 with 10
//	exit CODE      ends
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGUSR1)
	words := os.Args[1:]
	next := func() string {
		if len(words) == 0 {
			check(fmt.Errorf("a word is missing"))
		}
		word := words[0]
		words = words[1:]
		return word
	}
	for len(words) > 0 {
		switch word := next(); word {
		case "print":
			fmt.Println(next())
		case "warn":
			fmt.Fprintln(os.Stderr, next())
		case "env":
			fmt.Println(os.Getenv(next()))
		case "read":
			b, err := os.ReadFile(next())
			check(err)
			fmt.Println(strings.TrimSpace(string(b)))
		case "write":
			check(os.WriteFile(next(), nil, 0o644))
		case "cat":
			_, err := io.Copy(os.Stdout, os.Stdin)
			check(err)
		case "eat":
			eat(number(next()))
		case "fork":
			child := exec.Command("/guest", "deaf", "stay")
			child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			check(child.Start())
		case "serve":
			port := next()
			go func() {
				check(http.ListenAndServe(":"+port, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					fmt.Fprintln(w, "served")
				})))
			}()
		case "tell":
			port := next()
			go func() {
				check(http.ListenAndServe(":"+port, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					host, _, err := net.SplitHostPort(r.RemoteAddr)
					check(err)
					fmt.Fprintln(w, host)
				})))
			}()
		case "get":
			answer, err := (&http.Client{Timeout: 5 * time.Second}).Get(next())
			check(err)
			_, err = io.Copy(os.Stdout, answer.Body)
			check(err)
		case "lookup":
			addresses, err := net.LookupHost(next())
			check(err)
			slices.Sort(addresses)
			fmt.Println(strings.Join(addresses, " "))
		case "deaf":
			signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		case "wait", "stay":
			heard := <-told
			if word == "stay" && heard == syscall.SIGUSR1 {
				os.Exit(10)
			}
			if word == "stay" {
				os.Exit(0)
			}
		case "exit":
			os.Exit(number(next()))
		default:
			check(fmt.Errorf("there is no word %q", word))
		}
	}
}

// eat takes memory and writes to each page of it, for the kernel gives none before.
func eat(bytes int) {
	memory, err := syscall.Mmap(-1, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	check(err)
	for i := 0; i < bytes; i += os.Getpagesize() {
		memory[i] = 1
	}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	check(err)
	return n
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
		os.Exit(111)
	}
}
