package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/jobfile"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/sidecar"
	"teamtask.dev/ozymandias/state"
)

// JobPath is the job that a call is about.
type JobPath struct {
	Name string `path:"name" doc:"Name of the job." maxLength:"50"`
}

// Room says what becomes of a change for which there is no room.
type Room struct {
	Wait   bool `query:"wait" doc:"Take it though there is no room for all of it: what has none waits, and is listed with the reason."`
	DryRun bool `query:"dryRun" doc:"Only say what it would come to."`
}

// JobFile is a call with one.
type JobFile struct {
	Filename string `query:"filename" default:"job file" maxLength:"4096" doc:"What faults are to call it."`
	RawBody  []byte `contentType:"application/yaml" doc:"A job file in YAML or JSON, of one job or several, or a compose file."`
}

// read reads it, for nodes that let in HTTP at these ports. Ports that its jobs publish are left to their ingresses where that is the same:
// the warnings say so, too.
func (f *JobFile) read(ingress []uint16) (file *jobfile.File, warnings []string, err error) {
	file, err = jobfile.Read(f.Filename, bytes.NewReader(f.RawBody))
	warnings = make([]string, 0, len(file.Warnings))
	for _, w := range file.Warnings {
		warnings = append(warnings, w.String())
	}
	var wrong jobfile.Faults
	for i := range file.Jobs {
		wrong = append(wrong, file.At(i, file.Jobs[i].TakenByHTTP(ingress))...)
		var left []string
		file.Jobs[i], left = file.Jobs[i].LeavePorts(ingress)
		warnings = append(warnings, left...)
	}
	if err == nil && len(wrong) > 0 {
		err = wrong
	}
	return file, warnings, err
}

func (a *API) registerJobs(api huma.API) {
	const all, one, tag = "/v1/jobs", "/v1/jobs/{name}", "Jobs"
	huma.Register(api, operation(tag, http.MethodGet, all, "list-jobs", "List jobs by name"),
		func(context.Context, *struct{}) (*listed[v1.Job], error) {
			v, err := a.view()
			if err != nil {
				return nil, problem(err)
			}
			jobs := make([]v1.Job, 0, len(v.Jobs))
			for i := range v.Jobs {
				jobs = append(jobs, v.job(&v.Jobs[i]))
			}
			slices.SortStableFunc(jobs, func(a, b v1.Job) int { return strings.Compare(a.Name, b.Name) })
			return list(jobs), nil
		})
	huma.Register(api, operation(tag, http.MethodGet, one, "get-job", "Get a job with its instances and what was decided of it"),
		func(_ context.Context, in *JobPath) (*answer[v1.Job], error) {
			out, err := a.job(in.Name)
			return &answer[v1.Job]{out}, problem(err)
		})
	apply := operation(tag, http.MethodPut, all, "apply-jobs", "Create the jobs of a file, or change them to what it says")
	apply.Description = "All or none. What does not fit is refused, unless the call says that it may wait."
	apply.MaxBodyBytes = 2 * jobfile.MaxSize // so that a file that is too long is refused in words
	apply.SkipValidateBody = true
	huma.Register(api, apply, func(ctx context.Context, in *struct {
		Room
		JobFile
	}) (*answer[v1.Applied], error) {
		file, warnings, err := in.read(a.IngressPorts)
		if err != nil {
			return nil, problem(err)
		}
		warnings = append(warnings, a.unset(ctx, file)...)
		out, err := a.apply(ctx, file, in.Room)
		if refused := (*v1.Problem)(nil); errors.As(err, &refused) {
			refused.Warnings = warnings
		}
		out.Warnings = warnings
		return &answer[v1.Applied]{out}, problem(err)
	})
	huma.Register(api, operation(tag, http.MethodPatch, one, "scale-job", "Have a job have so many instances"),
		func(ctx context.Context, in *struct {
			JobPath
			Room
			Body v1.JobPatch
		}) (*answer[v1.Applied], error) {
			out, err := a.change(ctx, in.Name, in.Room, func(now schedule.State) (schedule.State, error) {
				return now.Scale(in.Name, in.Body.NumInstances)
			})
			return &answer[v1.Applied]{out}, problem(err)
		})
	huma.Register(api, operation(tag, http.MethodPost, one+"/rollback", "roll-back-job", "Have a job run again what it ran before the last deploy"),
		func(ctx context.Context, in *struct {
			JobPath
			Room
		}) (*answer[v1.Applied], error) {
			out, err := a.change(ctx, in.Name, in.Room, func(now schedule.State) (schedule.State, error) { return now.RollBack(in.Name) })
			return &answer[v1.Applied]{out}, problem(err)
		})
	remove := operation(tag, http.MethodDelete, one, "delete-job", "Have a job go")
	remove.DefaultStatus = http.StatusAccepted
	remove.Description = "Its instances stop, and its volumes go with it. It is gone once nothing of it runs: with ?wait, 204 says that it is; 202 that it is not yet. " +
		"To go on waiting, say with ?uid which one is meant: by then another job may have the name."
	huma.Register(api, remove, func(ctx context.Context, in *struct {
		JobPath
		UID  string   `query:"uid" maxLength:"64" doc:"Delete no other job than this one; 204, too, if it is gone already. Without it the job is meant that has the name now."`
		Wait waitTime `query:"wait" doc:"How long to wait for its end, at most 5m." example:"30s"`
	}) (*deleted, error) {
		uid, gone, err := a.remove(ctx, in.Name, in.UID, in.Wait.Duration)
		if gone {
			return &deleted{Status: http.StatusNoContent}, problem(err)
		}
		return &deleted{http.StatusAccepted, &v1.Deletion{Name: in.Name, UID: uid}}, problem(err)
	})
	api.OpenAPI().Paths[one].Delete.Responses["204"] = &huma.Response{Description: "It is gone."}
}

// deleted is the answer to who deletes a job.
type deleted struct {
	Status int
	Body   *v1.Deletion // none once it is gone
}

// job tells all about one.
func (a *API) job(name string) (v1.Job, error) {
	v, err := a.view()
	if err != nil {
		return v1.Job{}, err
	}
	j := v.named(name)
	if j == nil {
		return v1.Job{}, none("job", name)
	}
	out := v.job(j)
	out.Instances = slices.Concat(v.of[j.UID], v.ends(j))
	slices.SortStableFunc(out.Instances, inOrder)
	out.Events = v.events(func(e state.Event) bool { return e.Job == j.UID })
	out.IngressProblems = v.ingressProblems(name, routes.Of(v.State))
	return out, nil
}

// apply creates the jobs of a file or changes them, in one decision.
func (a *API) apply(ctx context.Context, file *jobfile.File, room Room) (v1.Applied, error) {
	uids := make([]string, len(file.Jobs))
	for i := range uids {
		// It sorts by time: the older of two jobs that claim a host has it.
		uids[i] = uuid.Must(uuid.NewV7()).String()
	}
	names := make([]string, 0, len(file.Jobs))
	for _, j := range file.Jobs {
		names = append(names, j.Name)
	}
	return a.take(ctx, names, room, func(now schedule.State) (schedule.State, error) {
		next := now
		var wrong jobfile.Faults
		for i, j := range file.Jobs {
			full, faults := sidecar.Expand(j, specs(next))
			wrong = append(wrong, file.At(i, faults)...)
			next = next.Put(uids[i], full)
		}
		if len(wrong) > 0 {
			return now, wrong
		}
		return next, nil
	})
}

// specs are the jobs there are, in the order in which they were made.
func specs(now schedule.State) (all []job.Job) {
	jobs := slices.SortedFunc(slices.Values(now.Jobs), func(a, b schedule.Job) int { return strings.Compare(a.UID, b.UID) })
	for _, j := range jobs {
		if !j.Deleted {
			all = append(all, j.Spec)
		}
	}
	return all
}

// change changes one job that is there, if it can be.
func (a *API) change(ctx context.Context, name string, room Room, put put) (v1.Applied, error) {
	return a.take(ctx, []string{name}, room, func(now schedule.State) (schedule.State, error) {
		if now.Named(name) == nil {
			return now, none("job", name)
		}
		next, err := put(now)
		if err != nil {
			return now, v1.Impossible.New("%v", err)
		}
		return next, nil
	})
}

// take takes a change of these jobs in, unless there is no room for it.
func (a *API) take(ctx context.Context, names []string, room Room, change put) (v1.Applied, error) {
	var out v1.Applied
	checked := func(before schedule.State) (schedule.State, error) {
		after, err := change(before)
		if err != nil {
			return before, err
		}
		out = v1.Applied{DryRun: room.DryRun}
		changed := false
		for _, name := range names {
			result := outcome(before.Named(name), after.Named(name))
			changed = changed || result != v1.Unchanged
			out.Jobs = append(out.Jobs, v1.AppliedJob{Name: name, Result: result})
		}
		if !changed {
			out.Forecast.Verdict = "Fits"
			return before, nil
		}
		leads, err := schedule.Preview(before, after, time.Now())
		if err != nil {
			return before, err
		}
		out.Forecast = forecast(leads)
		if room.Wait {
			return after, nil
		}
		// That others of a lower priority give way is no reason to refuse.
		return after, refused(slices.DeleteFunc(leads.Waits, func(w schedule.Wait) bool {
			j := after.Job(w.Job)
			above := func(name string) bool { return after.Named(name).Spec.Priority > j.Spec.Priority }
			return !slices.Contains(names, j.Spec.Name) && slices.ContainsFunc(names, above)
		}))
	}
	if room.DryRun {
		before, _, _ := a.Mirror.State()
		_, err := checked(before)
		return out, err
	}
	version, err := a.decide(ctx, checked)
	out.Version = version
	return out, err
}

func outcome(before, after *schedule.Job) v1.Result {
	switch {
	case before == nil:
		return v1.Created
	case before.Spec.Equal(after.Spec):
		return v1.Unchanged
	}
	return v1.Configured
}

// maxWait is how long a call is answered after at most.
const maxWait = 5 * time.Minute

// remove deletes a job, and waits for its end. It may be on its way out already, and another one may have its name by then: with a uid, what
// is not that one stays.
func (a *API) remove(ctx context.Context, name, uid string, patience time.Duration) (_ string, gone bool, err error) {
	now, _, _ := a.Mirror.State()
	v := view{State: now}
	j := v.named(name)
	if uid != "" {
		if j = now.Job(uid); j == nil {
			return uid, true, nil
		}
	}
	if j == nil || j.Spec.Name != name {
		return "", false, none("job", name)
	}
	uid = j.UID
	if !j.Deleted {
		if _, err := a.decide(ctx, func(now schedule.State) (schedule.State, error) {
			if j := now.Named(name); j == nil || j.UID != uid {
				return now, nil // somebody else was first
			}
			return now.Remove(name)
		}); err != nil {
			return uid, false, fmt.Errorf("delete %s: %w", name, err)
		}
	}
	gone, err = a.until(ctx, min(patience, maxWait), func(now *schedule.State) bool { return now.Job(uid) == nil })
	return uid, gone, err
}

// until waits for the state to be so, and tells whether it is.
func (a *API) until(ctx context.Context, patience time.Duration, is func(now *schedule.State) bool) (bool, error) {
	enough := time.NewTimer(patience)
	defer enough.Stop()
	for {
		now, _, changed := a.Mirror.State()
		if is(&now) {
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-enough.C:
			return false, nil
		case <-changed:
		}
	}
}
