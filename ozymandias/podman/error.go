package podman

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"teamtask.dev/ozymandias/plain"
)

// What a caller may decide on; use errors.Is.
var (
	// ErrNotFound says that there is no such pod, container, image or network.
	ErrNotFound = errors.New("not found")
	// ErrExists says that the name is taken.
	ErrExists = errors.New("exists already")
	// ErrState says that a container cannot do this as it is, as taking a signal when it does not run.
	ErrState = errors.New("not in the state for this")
	// ErrInUse says that pods are attached to a network.
	ErrInUse = errors.New("in use")
	// ErrNotBegun says of a command in a container that podman had not begun it when its context ended, which is another error beside this.
	ErrNotBegun = errors.New("podman had not begun it")
	// ErrArchive says that what was to be loaded is no archive of images.
	ErrArchive = errors.New("no archive of images")
)

// Error is podman's answer to a request that it refused or that failed.
type Error struct {
	// Status of HTTP.
	Status int
	// Cause is the innermost reason, in podman's fixed words.
	Cause string
	// Message is for people, and ends with the cause; as podman has written it.
	Message string
}

// longest is as much of a message as is told. There may be words in it of an image, a registry or a program in a container.
const longest = 2000

func (e *Error) Error() string { return "podman: " + plain.Line(e.Message, longest) }

// Is tells whether this is one of the errors above. The status alone does not: podman 4.3 answers 500 to a container's name that is
// taken, to an image that is not there, and to a signal for a container that does not run.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Status == http.StatusNotFound || strings.HasPrefix(e.Cause, "no such ") || e.Cause == "image not known" || e.Cause == "network not found"
	case ErrExists:
		return strings.HasSuffix(e.Cause, "already exists") || strings.HasSuffix(e.Cause, "already in use")
	case ErrState:
		return e.Cause == "container state improper"
	case ErrInUse:
		return e.Cause == "network is being used"
	case ErrArchive: // a line follows for each kind of archive that it is none of
		return strings.Contains(e.Message, "payload does not match any of the supported image formats")
	}
	return false
}

// halfRemoved takes a container for not found that is in podman's books and has no files: podman was ended while it removed it.
func halfRemoved(err error) error {
	if e := (*Error)(nil); errors.As(err, &e) && e.Cause == "container not known" {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}

// refusal reads the body of an answer that is no success.
func refusal(answer *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("read podman's answer %s: %w", answer.Status, err)
	}
	e := &Error{Status: answer.StatusCode}
	if json.Unmarshal(body, e) != nil || e.Message == "" {
		e.Message = strings.TrimSpace(answer.Status + " " + string(body))
	}
	return e
}
