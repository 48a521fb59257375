package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Share runs a package's tests, a *testing.M, on a control plane that all of them share. prepare is called once it is ready, and
// the function that it returns, unless nil, after the tests. Share returns the code to exit with; what went wrong it prints.
func Share(tests interface{ Run() int }, prepare func(context.Context, *Cluster) (end func() error, err error)) int {
	code, err := share(tests, prepare)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func share(tests interface{ Run() int }, prepare func(context.Context, *Cluster) (func() error, error)) (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "teamtask-test-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	c, err := Start(ctx, dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	end, err := prepare(ctx, c)
	if err != nil {
		return 0, err
	}
	if end != nil {
		defer func() { err = errors.Join(err, end()) }()
	}
	return tests.Run(), nil
}
