package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/job"
)

// names measures how soon nobody is led any more to an instance that is unwell: from the first check that fails, as the instance
// sees it, until another instance, on another node, that looks the job's name up does not get its address.
func (b *bench) names(ctx context.Context) error {
	const unwell, looker = "unwell", "looker"
	if err := b.run(ctx, unwell, file(unwell, 2, "placement: {requires: {member: \"no\"}}")); err != nil {
		return err
	}
	if err := b.run(ctx, looker, file(looker, 1, "placement: {requires: {member: \"yes\"}}")); err != nil {
		return err
	}
	eye, err := b.instance(ctx, looker+"-0")
	if err != nil {
		return err
	}
	var took []time.Duration
	for i := range b.jobs {
		if err := b.up(ctx, unwell); err != nil {
			return err
		}
		in, err := b.instance(ctx, fmt.Sprintf("%s-%d", unwell, i%2))
		if err != nil {
			return err
		}
		var at [2]time.Time
		_, err = together(2, func(i int) (err error) {
			if i == 0 {
				at[0], err = b.moment(ctx, http.MethodPost, "http://"+in.Address+":8080/unwell")
			} else {
				at[1], err = b.moment(ctx, http.MethodGet, "http://"+eye.Address+":8080/gone?name="+unwell+"."+job.Domain+"&address="+in.Address)
			}
			return err
		})
		if err != nil {
			return err
		}
		took = append(took, at[1].Sub(at[0]))
	}
	row("an instance fails a check: until its name is gone", typical(took), "to be < 1 s; resolvers may keep it for 3")
	return b.end(ctx, unwell, looker)
}

// moment asks for a time.
func (b *bench) moment(ctx context.Context, method, url string) (time.Time, error) {
	ctx, over := context.WithTimeout(ctx, time.Minute)
	defer over()
	text, err := ask(ctx, b.nodes[0].inside, method, url, "")
	if err != nil {
		return time.Time{}, err
	}
	at, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return time.Unix(0, at), err
}

// instance waits until an instance is healthy.
func (s *stage) instance(ctx context.Context, name string) (in v1.Instance, err error) {
	err = until(ctx, name+" is healthy", func(ctx context.Context) (err error) {
		if in, err = s.client().Instance(ctx, name); err == nil && !in.Healthy {
			err = fmt.Errorf("it is %s: %s", in.Phase, in.Message)
		}
		return err
	})
	return in, err
}
