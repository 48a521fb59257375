package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// zapLogger has etcd, which logs with zap, log to slog. What etcd calls an error is mostly that another member does not answer, of
// which it tells many times a second, so it is all for debugging; what it does not survive is told by [fatal].
func zapLogger(log *slog.Logger) *zap.Logger {
	return zap.New(&slogCore{log: log}, zap.WithFatalHook(fatal{}))
}

// slogCore is a zapcore.Core that hands entries to slog.
type slogCore struct {
	log    *slog.Logger
	fields []zapcore.Field
}

func (c *slogCore) Enabled(level zapcore.Level) bool {
	return level >= zapcore.DPanicLevel || c.log.Enabled(context.Background(), slog.LevelDebug)
}

func (c *slogCore) With(fields []zapcore.Field) zapcore.Core {
	return &slogCore{c.log, append(c.fields[:len(c.fields):len(c.fields)], fields...)}
}

func (c *slogCore) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return checked.AddCore(e, c)
	}
	return checked
}

func (c *slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	encoder := zapcore.NewMapObjectEncoder()
	for _, f := range append(c.fields[:len(c.fields):len(c.fields)], fields...) {
		f.AddTo(encoder)
	}
	attributes := make([]any, 0, 2*len(encoder.Fields))
	for name, value := range encoder.Fields {
		attributes = append(attributes, name, value)
	}
	level := slog.LevelDebug
	if e.Level >= zapcore.DPanicLevel && e.Message != justRemoved {
		level = slog.LevelError
	}
	c.log.Log(context.Background(), level, e.Message, attributes...)
	return nil
}

func (c *slogCore) Sync() error { return nil }

// fatal ends the process when etcd cannot go on, as on a full disk. That is a crash like any other: the other members go on, and this
// node's instances are ended by its watchdog.
type fatal struct{}

func (fatal) OnWrite(e *zapcore.CheckedEntry, fields []zapcore.Field) {
	var cause any = e.Message
	for _, f := range fields {
		if f.Type == zapcore.ErrorType {
			cause = f.Interface
		}
	}
	fmt.Fprintf(os.Stderr, "ozymandias: etcd cannot go on: %v\n", cause)
	os.Exit(1)
}
