// Command primes prints how many primes there are from START to END, both included: by the sieve of Eratosthenes, or with
// -trial by trial division, which takes long enough to watch.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strconv"
)

func main() {
	trial := flag.Bool("trial", false, "divide each number by all that are small enough")
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "usage: primes [-trial] START END") }
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	start, err1 := strconv.Atoi(flag.Arg(0))
	end, err2 := strconv.Atoi(flag.Arg(1))
	if err1 != nil || err2 != nil || start < 0 || end < start-1 {
		fmt.Fprintln(os.Stderr, "primes: START and END must be integers from 0 on, in order")
		os.Exit(2)
	}
	if *trial {
		fmt.Println(divide(start, end))
		return
	}
	fmt.Println(sieve(start, end))
}

func divide(start, end int) (n int) {
	for i := start; i <= end; i++ {
		if prime(i) {
			n++
		}
	}
	return n
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

// segment is how many numbers are sieved at a time, so that they stay in the processor's cache.
const segment = 1 << 18

// sieve crosses out the multiples of all primes up to the root of end, a segment at a time.
func sieve(start, end int) (n int) {
	root := int(math.Sqrt(float64(end))) + 1
	var small []int
	for i := 2; i <= root; i++ {
		if prime(i) {
			small = append(small, i)
		}
	}
	crossed := make([]bool, segment)
	for low := max(2, start); low <= end; low += segment {
		high := min(low+segment-1, end)
		clear(crossed)
		for _, p := range small {
			for i := max(p*p, (low+p-1)/p*p); i <= high; i += p {
				crossed[i-low] = true
			}
		}
		for _, out := range crossed[:high-low+1] {
			if !out {
				n++
			}
		}
	}
	return n
}
