package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ingress measures what it costs to ask an instance through the ingress of its node, and of another node, rather than directly.
func (b *bench) ingress(ctx context.Context) error {
	const name, host, askers, rounds = "open", "open.example", 16, 3
	options := "ingress: {host: " + host + ", port: 8080}\nplacement: {requires: {member: \"no\"}}"
	if err := b.run(ctx, name, file(name, 1, options)); err != nil {
		return err
	}
	instance, err := b.instance(ctx, name+"-0")
	if err != nil {
		return err
	}
	last := b.nodes[len(b.nodes)-1]
	ways := []struct{ what, url string }{
		{"asked directly, by its address", "http://" + instance.Address + ":8080/"},
		{"through the ingress of its node", "http://" + last.machine.Address.String() + "/"},
		{"through the ingress of another node", "http://" + b.nodes[0].machine.Address.String() + "/"},
	}
	sums := make([]load, len(ways))
	for range rounds { // in turn, as others use this machine, too
		for i, w := range ways {
			if err := until(ctx, w.what+" it answers", func(ctx context.Context) error {
				_, err := ask(ctx, last.inside, "GET", w.url, host)
				return err
			}); err != nil {
				return err
			}
			round, over := context.WithTimeout(ctx, b.limit/rounds)
			l := keepAsking(round, last.inside, []string{w.url}, host, askers, 0)
			over()
			if l.failures() > 0 {
				return fmt.Errorf("%s: %v", w.what, l.failed)
			}
			sums[i].took = append(sums[i].took, l.took...)
			sums[i].during += l.during
		}
	}
	rate := func(l load) float64 { return float64(len(l.took)) / l.during.Seconds() }
	for i, w := range ways {
		beside := ""
		if i > 0 {
			beside = fmt.Sprintf("%.2g of the requests/s, %s times the median", rate(sums[i])/rate(sums[0]), times(quantile(sums[i].took, 0.5), quantile(sums[0].took, 0.5)))
		}
		row("an instance, "+w.what, fmt.Sprintf("%.0f requests/s", rate(sums[i])), beside)
		row(fmt.Sprintf("  %d at a time", askers), typical(sums[i].took), "")
	}
	return b.end(ctx, name)
}

// deploy measures what a deploy of ten instances costs those who ask meanwhile.
func (b *bench) deploy(ctx context.Context) error {
	const name, host, instances = "web", "web.example", 10
	job := func(version int) []byte {
		return append(file(name, instances, "ingress: {host: "+host+", port: 8080}\nupdate: {max_surge: 5, min_healthy: 1}"),
			fmt.Appendf(nil, "    environment: {VERSION: \"%d\"}\n", version)...)
	}
	if err := errors.Join(b.run(ctx, name, job(1)), b.through(ctx, name)); err != nil {
		return err
	}
	var urls []string
	for _, n := range b.nodes {
		urls = append(urls, "http://"+n.machine.Address.String()+"/")
	}
	asking, enough := context.WithCancel(ctx)
	defer enough()
	came := make(chan load, 1)
	go func() { came <- keepAsking(asking, b.nodes[0].inside, urls, host, 4, 5*time.Millisecond) }()
	begun := time.Now()
	err := errors.Join(b.run(ctx, name, job(2)), b.through(ctx, name))
	took := time.Since(begun)
	enough()
	l := <-came
	if err != nil {
		return err
	}
	row(fmt.Sprintf("a deploy of %d instances, 5 at a time, under load", instances), short(took), "")
	row("  requests meanwhile, through all nodes", fmt.Sprint(len(l.took)), fmt.Sprintf("%d failed (to be 0); %s", l.failures(), typical(l.took)))
	for why, n := range l.failed {
		row("  failed", fmt.Sprint(n), why)
	}
	return b.end(ctx, name)
}
