package worker

import "teamtask.dev/api/v1alpha1"

// Preview is the first command lines that Run would run for a block, at most that many, and whether there are more.
func (r *Runner) Preview(lease v1alpha1.Lease, most int) (lines []string, more bool, err error) {
	b, err := r.begin(lease, 1, nil)
	if err != nil {
		return nil, false, err
	}
	if r.Template.Mode != PerItem {
		return []string{Line(r.Template.expand(&b.values))}, false, nil
	}
	i := lease.Index
	for text, err := range r.items(lease.Index, lease.Index+lease.Size) {
		if err != nil {
			return nil, false, err
		}
		if len(lines) == most {
			return lines, true, nil
		}
		v, err := b.itemValues(i, string(text))
		if err != nil {
			return nil, false, err
		}
		lines = append(lines, Line(r.Template.expand(&v)))
		i++
	}
	return lines, false, nil
}
