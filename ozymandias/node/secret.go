package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/schedule"
)

// secretDir is where the files of a pod's secrets are: below the run directory, so that they are in memory only. Nobody but root gets
// there but through the mount in the container.
func (n *Node) secretDir(pod string) string { return filepath.Join(n.Options.Run, "secrets", pod) }

// clearSecrets removes the files of a pod's secrets, if there are any.
func (n *Node) clearSecrets(pod string) error {
	if err := os.RemoveAll(n.secretDir(pod)); err != nil {
		return fmt.Errorf("remove the secrets of pod %s: %w", pod, err)
	}
	return nil
}

// tidySecrets removes those of pods that are not there, which a process has written that ended before it had made them.
func (n *Node) tidySecrets(pods []podman.PodState) error {
	written, err := os.ReadDir(n.secretDir(""))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for secrets of pods that are gone: %w", err)
	}
	for _, of := range written {
		if !slices.ContainsFunc(pods, func(pod podman.PodState) bool { return pod.Name == of.Name() }) {
			if err := n.clearSecrets(of.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// secrets gives a container its secrets.
func (l *loop) secrets(ctx context.Context, i schedule.Instance, pod, name string, c *podman.Container) error {
	for at, s := range c.Spec.Secrets {
		if l.Secrets == nil {
			return errors.New("this node knows no secrets")
		}
		if s.Vault != nil {
			l.note(ctx, i, "asks Vault for "+s.Vault.Path)
		}
		value, err := l.Secrets.Resolve(ctx, s)
		if err != nil {
			return err
		}
		if s.Env != "" {
			// A variable ends at a NUL, and what is no UTF-8 would reach podman as something else.
			if !utf8.Valid(value) || bytes.IndexByte(value, 0) >= 0 {
				return fmt.Errorf("secret %s is no text, as variable %s has to be: have it as a file", calledBy(s), s.Env)
			}
			c.Environment[s.Env] = string(value)
			continue
		}
		file := filepath.Join(l.secretDir(pod), name, strconv.Itoa(at))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return fmt.Errorf("write a secret: %w", err)
		}
		if err := os.WriteFile(file, value, 0o400); err != nil {
			return fmt.Errorf("write a secret: %w", err)
		}
		c.Mounts = append(c.Mounts, podman.Mount{Source: file, Target: s.File, ReadOnly: true})
	}
	return nil
}

// calledBy is what people call a secret.
func calledBy(s job.Secret) string {
	if s.Vault != nil {
		return s.Vault.Path + " in Vault"
	}
	return s.Name
}

// own gives the files of a container's secrets to the user that it runs as, who is known once the container is made.
func (l *loop) own(ctx context.Context, pod, name string) error {
	dir := filepath.Join(l.secretDir(pod), name)
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("give the secrets to their user: %w", err)
	}
	uid, err := l.uid(ctx, containerName(pod, name))
	if err != nil {
		return fmt.Errorf("give the secrets to their user: %w", err)
	}
	for _, file := range files {
		if err := os.Chown(filepath.Join(dir, file.Name()), uid, 0); err != nil {
			return fmt.Errorf("give the secrets to their user: %w", err)
		}
	}
	return nil
}

// uid is the number of the user that a container runs as.
func (l *loop) uid(ctx context.Context, container string) (int, error) {
	state, err := l.client.Container(ctx, container)
	if err != nil {
		return 0, err
	}
	user, _, _ := strings.Cut(state.User, ":")
	if user == "" {
		return 0, nil
	}
	if uid, err := strconv.Atoi(user); err == nil {
		return uid, nil
	}
	users, err := l.client.ReadFile(ctx, container, "/etc/passwd")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(users)) { // passwd(5)
		if fields := strings.Split(line, ":"); len(fields) > 2 && fields[0] == user {
			return strconv.Atoi(fields[2])
		}
	}
	return 0, fmt.Errorf("the image has no user %q", user)
}
