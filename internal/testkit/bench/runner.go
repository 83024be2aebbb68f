package bench

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Result is what came out for a row.
type Result struct {
	Row
	Outcomes []Outcome // one for each case
}

// Outcome is what came out for a case.
type Outcome struct {
	Samples map[string][]Sample // by contestant, in the order of the runs
	Failed  map[string]error    // contestants that do not count
}

// Run runs the rows one after the other, each contestant so many times. say hears how it goes.
//
// In each round the contestants take turns, and each round begins with another: what the machine does
// beside falls on all of them. One that fails is out for that case, and its other runs do not count.
func Run(ctx context.Context, rows []Row, runs int, say func(format string, args ...any)) ([]Result, error) {
	var results []Result
	for i, row := range rows {
		result := Result{Row: row}
		for _, c := range row.Cases {
			say("row %d of %d, %s: %s", i+1, len(rows), row.Name, c.Name)
			outcome, err := runCase(ctx, c, cmp.Or(row.Runs, runs), say)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err != nil { // the other rows are worth having
				say("    the set-up FAILED: %v", err)
				outcome.Failed["the set-up"] = err
			}
			result.Outcomes = append(result.Outcomes, outcome)
		}
		results = append(results, result)
	}
	return results, nil
}

func runCase(ctx context.Context, c Case, runs int, say func(string, ...any)) (Outcome, error) {
	o := Outcome{Samples: map[string][]Sample{}, Failed: map[string]error{}}
	contest, err := c.Open(ctx)
	if err != nil {
		return o, err
	}
	if contest.Close != nil {
		defer contest.Close()
	}
	turns := slices.Clone(contest.Contestants)
	if len(turns) == 0 {
		return o, nil
	}
	for range runs {
		for _, contestant := range turns {
			if o.Failed[contestant.Name] != nil {
				continue
			}
			sample, err := contestant.Run(ctx)
			if ctx.Err() != nil {
				return o, nil
			}
			if err != nil {
				say("    %s FAILED: %v", contestant.Name, err)
				o.Failed[contestant.Name] = err
				delete(o.Samples, contestant.Name)
				continue
			}
			o.Samples[contestant.Name] = append(o.Samples[contestant.Name], sample)
		}
		turns = append(turns[1:], turns[0])
	}
	return o, nil
}

// Failures are the contestants that failed, with the reason, but for those of before: what it could not
// do is no fault of now.
func Failures(results []Result) []string {
	var failed []string
	for _, r := range results {
		for i, o := range r.Outcomes {
			for name, err := range o.Failed {
				if name != Before {
					failed = append(failed, fmt.Sprintf("%s, %s: %s: %v", r.Name, r.Cases[i].Name, name, err))
				}
			}
		}
	}
	slices.Sort(failed)
	return failed
}
