// Command primes prints how many primes there are from START to END, both included, by trial division: work that takes a
// while, for the demo.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: primes START END")
		os.Exit(2)
	}
	start, err1 := strconv.Atoi(os.Args[1])
	end, err2 := strconv.Atoi(os.Args[2])
	if err1 != nil || err2 != nil {
		fmt.Fprintln(os.Stderr, "primes: START and END must be integers")
		os.Exit(2)
	}
	n := 0
	for i := start; i <= end; i++ {
		if prime(i) {
			n++
		}
	}
	fmt.Println(n)
}

func prime(n int) bool {
	if n < 4 {
		return n > 1
	}
	if n%2 == 0 || n%3 == 0 {
		return false
	}
	for d := 5; d*d <= n; d += 6 {
		if n%d == 0 || n%(d+2) == 0 {
			return false
		}
	}
	return true
}
