package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// ask looks a name up at a nameserver, and prints which instance answers at each of its addresses.
func ask(nameserver, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second) // who asks asks again
	defer cancel()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(nameserver, "53"))
	}}
	addresses, err := lookup(ctx, resolver, name)
	if err != nil {
		return err
	}
	for _, address := range addresses {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(address, "8080"), nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			return err
		}
		who, _, _ := strings.Cut(string(text), " ")
		fmt.Println(who)
	}
	return nil
}

// gone waits until a name does not lead to an address, and tells when that was.
func gone(ctx context.Context, name, address string) (time.Time, error) {
	for {
		found, err := lookup(ctx, net.DefaultResolver, name)
		if err != nil {
			return time.Time{}, err
		}
		if !slices.Contains(found, address) {
			return time.Now(), nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// lookup is what a name leads to: nothing, if there is none.
func lookup(ctx context.Context, resolver *net.Resolver, name string) ([]string, error) {
	addresses, err := resolver.LookupHost(ctx, name)
	var unknown *net.DNSError
	if errors.As(err, &unknown) && unknown.IsNotFound {
		return nil, nil
	}
	return addresses, err
}
