package cluster

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"teamtask.dev/ozymandias/pki"
)

// joinPath is where a node's API takes requests to join.
const joinPath = "/v1/join"

// A refusal is an answer that will be the same the next time.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// join asks the nodes that are given to be admitted, one after the other and again and again, and makes this machine a node of their
// cluster.
func join(ctx context.Context, o Options, dir *directory) error {
	token, err := pki.ParseToken(o.Token)
	if err != nil {
		return fmt.Errorf("the token is %w: %w", ErrInvalid, err)
	}
	key, err := dir.draftKey()
	if err != nil {
		return err
	}
	request, err := pki.Request(key, o.Name)
	if err != nil {
		return err
	}
	body, err := json.Marshal(JoinRequest{Secret: token.Secret, Format: currentFormat, Node: o.node(""), Request: request})
	if err != nil {
		return err
	}
	var told time.Time
	for {
		var silent error
		for _, host := range o.Join {
			welcome, err := ask(ctx, host, token, body)
			var refused refusal
			switch {
			case err == nil:
				return accept(o, dir, token, welcome)
			case errors.As(err, &refused):
				return fmt.Errorf("join the cluster of %s: %w", host, err)
			}
			silent = errors.Join(silent, fmt.Errorf("%s: %w", host, err))
		}
		if time.Since(told) > tellAgain {
			told = time.Now()
			o.Log.Warn("waiting for a node to join", "error", silent)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("join a cluster: %w: %w", ctx.Err(), silent)
		case <-time.After(askAgain):
		}
	}
}

// ask asks one node. The secret is sent only when the node was found to be of the token's cluster.
func ask(ctx context.Context, host string, token pki.Token, body []byte) (w Welcome, err error) {
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: token.TLS(), DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+host+joinPath, bytes.NewReader(body))
	if err != nil {
		return w, refusal{err}
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	var outdated x509.CertificateInvalidError
	switch {
	case errors.Is(err, pki.ErrOtherAuthority):
		return w, refusal{err}
	case errors.As(err, &outdated):
		return w, refusal{fmt.Errorf("%w; are the clocks of both machines right?", err)}
	case err != nil:
		return w, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	switch {
	case err != nil:
		return w, err
	case response.StatusCode/100 == 2:
		return w, json.Unmarshal(answer, &w)
	case response.StatusCode/100 == 4 && response.StatusCode != http.StatusTooManyRequests:
		return w, refusal{errors.New(said(answer))}
	}
	return w, fmt.Errorf("%s: %s", response.Status, said(answer))
}

// said is what an answer that is no welcome says.
func said(answer []byte) string {
	var problem struct{ Detail string }
	if json.Unmarshal(answer, &problem) == nil && problem.Detail != "" {
		return problem.Detail
	}
	return strings.TrimSpace(string(answer))
}

// accept makes the machine a node.
func accept(o Options, dir *directory, token pki.Token, w Welcome) error {
	if w.External != (o.External != nil) {
		if w.External {
			return fmt.Errorf("%w: this cluster has its records in an etcd of its own, at %v: give --etcd-endpoints, and what it takes to connect there", ErrInvalid, w.Endpoints)
		}
		return fmt.Errorf("%w: this cluster has its records in its embedded etcd: leave out --etcd-endpoints", ErrInvalid)
	}
	authority, err := pki.ParseAuthority([]byte(w.Authority), []byte(w.AuthorityKey))
	if err != nil {
		return fmt.Errorf("join the cluster: %w", err)
	}
	if authority.Hash() != token.Authority {
		return fmt.Errorf("join the cluster: %w", pki.ErrOtherAuthority)
	}
	s := self{Name: o.Name, Address: o.Address, External: w.External, Endpoints: w.Endpoints}
	return dir.settle(s, authority, []byte(w.Certificate), w.Key)
}
