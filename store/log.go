package store

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// zapLogger lets etcd, which logs with zap, log to slog. What etcd calls a warning is of no use to somebody who runs a
// worklist, so only errors are passed on, unless debugging.
func zapLogger(log *slog.Logger) *zap.Logger {
	return zap.New(&slogCore{log: log}, zap.WithFatalHook(fatal{}))
}

// slogCore is a zapcore.Core that hands entries to slog.
type slogCore struct {
	log    *slog.Logger
	fields []zapcore.Field
}

func (c *slogCore) Enabled(l zapcore.Level) bool {
	if c.log.Enabled(context.Background(), slog.LevelDebug) {
		return true
	}
	return l >= zapcore.DPanicLevel
}

func (c *slogCore) With(fields []zapcore.Field) zapcore.Core {
	return &slogCore{c.log, append(c.fields[:len(c.fields):len(c.fields)], fields...)}
}

func (c *slogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

func (c *slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range append(c.fields[:len(c.fields):len(c.fields)], fields...) {
		f.AddTo(enc)
	}
	attrs := make([]any, 0, 2*len(enc.Fields))
	for k, v := range enc.Fields {
		attrs = append(attrs, k, v)
	}
	level := slog.LevelDebug
	if e.Level >= zapcore.DPanicLevel {
		level = slog.LevelError
	}
	c.log.Log(context.Background(), level, "etcd: "+e.Message, attrs...)
	return nil
}

func (c *slogCore) Sync() error { return nil }

// fatal ends the process when the embedded etcd cannot go on, as on a full disk: what was not acknowledged is not lost,
// because nobody was told that it was done.
type fatal struct{}

func (fatal) OnWrite(e *zapcore.CheckedEntry, fields []zapcore.Field) {
	var cause any = e.Message
	for _, f := range fields {
		if f.Type == zapcore.ErrorType {
			cause = f.Interface
		}
	}
	fmt.Fprintf(os.Stderr, "teamtask: the store cannot be written: %v\n", cause)
	os.Exit(1)
}
