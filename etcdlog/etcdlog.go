// Package etcdlog lets etcd, and its client, which log with zap, log to slog.
//
// What etcd calls a warning or an error is of no use to somebody who only wants to have his work done, and is told many times a second as
// long as another member does not answer. So all of it is for debugging, but for what etcd does not survive.
package etcdlog

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Options of a log. The zero value will do for a client.
type Options struct {
	// Prefix goes before each message.
	Prefix string
	// Dying is what standard error is told before the cause when the embedded etcd cannot go on, as on a full disk. The process ends then,
	// with 1.
	Dying string
	// Survived are messages of panics that somebody recovers from: they are for debugging.
	Survived []string
}

// New returns a logger for etcd.
func New(log *slog.Logger, o Options) *zap.Logger {
	return zap.New(&core{log: log, options: o}, zap.WithFatalHook(fatal(o.Dying)))
}

// core is a zapcore.Core that hands entries to slog.
type core struct {
	log     *slog.Logger
	options Options
	fields  []zapcore.Field
}

func (c *core) Enabled(level zapcore.Level) bool {
	return level >= zapcore.DPanicLevel || c.log.Enabled(context.Background(), slog.LevelDebug)
}

func (c *core) With(fields []zapcore.Field) zapcore.Core {
	return &core{c.log, c.options, c.and(fields)}
}

// and are the fields of all entries, with those of one.
func (c *core) and(fields []zapcore.Field) []zapcore.Field {
	return append(c.fields[:len(c.fields):len(c.fields)], fields...)
}

func (c *core) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return checked.AddCore(e, c)
	}
	return checked
}

func (c *core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	encoder := zapcore.NewMapObjectEncoder()
	for _, f := range c.and(fields) {
		f.AddTo(encoder)
	}
	attributes := make([]any, 0, 2*len(encoder.Fields))
	for name, value := range encoder.Fields {
		attributes = append(attributes, name, value)
	}
	level := slog.LevelDebug
	if e.Level >= zapcore.DPanicLevel && !slices.Contains(c.options.Survived, e.Message) {
		level = slog.LevelError
	}
	c.log.Log(context.Background(), level, c.options.Prefix+e.Message, attributes...)
	return nil
}

func (c *core) Sync() error { return nil }

// fatal ends the process when etcd cannot go on. That is a crash like any other: nothing is lost that somebody was told is done.
type fatal string

func (dying fatal) OnWrite(e *zapcore.CheckedEntry, fields []zapcore.Field) {
	var cause any = e.Message
	for _, f := range fields {
		if f.Type == zapcore.ErrorType {
			cause = f.Interface
		}
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", string(dying), cause)
	os.Exit(1)
}
