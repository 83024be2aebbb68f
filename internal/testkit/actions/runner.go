package actions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Runner runs steps as a runner does, with bash.
type Runner struct {
	Workspace string            // the checkout
	Temp      string            // a directory for its files, and for the tool cache
	OS, Arch  string            // RUNNER_OS and RUNNER_ARCH
	Path      string            // PATH at the beginning
	Env       map[string]string // more of the runner's environment
	Secrets   map[string]string
	Defaults  map[string]string // of inputs, in place of what the action says
	Actions   map[string]string // directories of actions, by name without the version; "" is one that does nothing

	step int
}

// Step is a step of a job, or of a composite action.
type Step struct {
	ID, Name, Uses, Run, Shell string
	With, Env                  map[string]string
	WorkingDirectory           string `yaml:"working-directory"`
	Continue                   bool   `yaml:"continue-on-error"`
}

// Action is an action.yml.
type Action struct {
	Name, Description string
	Branding          map[string]string
	Inputs            map[string]struct {
		Description, Default string
	}
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Steps []Step
	}
}

// Result is what came of a run of steps, up to the first that failed.
type Result struct {
	ExitCode int
	Log      string // what the steps wrote to both streams
	Summary  string // Markdown of the job summary
	Outputs  map[string]map[string]string
	env      map[string]string
	path     []string
}

// Commands are those that the steps gave the runner.
func (r *Result) Commands() []Command { return Commands(r.Log) }

// Steps runs the steps one after the other, with these variables.
func (r *Runner) Steps(ctx context.Context, steps []Step, env map[string]string) (*Result, error) {
	result := &Result{Outputs: map[string]map[string]string{}, env: map[string]string{}}
	return result, r.steps(ctx, steps, env, nil, result)
}

func (r *Runner) steps(ctx context.Context, steps []Step, env, inputs map[string]string, result *Result) error {
	for _, s := range steps {
		values := r.contexts(inputs, result.Outputs)
		stepEnv, err := expandAll(s.Env, values)
		if err != nil {
			return err
		}
		stepEnv = merged(env, result.env, stepEnv)
		if s.Uses == "" {
			err = r.run(ctx, s, stepEnv, values, result)
		} else {
			err = r.uses(ctx, s, stepEnv, values, result)
		}
		if err != nil {
			return fmt.Errorf("step %s%s%s: %w", s.ID, s.Name, s.Uses, err)
		}
		if result.ExitCode != 0 && !s.Continue {
			return nil
		}
		if s.Continue {
			result.ExitCode = 0
		}
	}
	return nil
}

// uses runs an action that is here.
func (r *Runner) uses(ctx context.Context, s Step, env map[string]string, values lookup, result *Result) error {
	name, _, _ := strings.Cut(s.Uses, "@")
	dir, ok := r.Actions[name]
	if !ok {
		return errors.New("an action that is not known here")
	}
	if dir == "" {
		return nil
	}
	action, err := ReadAction(dir)
	if err != nil {
		return err
	}
	inputs := map[string]string{}
	for name, input := range action.Inputs {
		inputs[name] = input.Default
	}
	maps.Copy(inputs, r.Defaults)
	with, err := expandAll(s.With, values)
	for name, value := range with {
		if _, known := inputs[name]; !known {
			err = fmt.Errorf("there is no input %s", name)
		}
		inputs[name] = value
	}
	if err != nil {
		return err
	}
	inner := &Result{Outputs: map[string]map[string]string{}, env: result.env, path: result.path}
	err = r.steps(ctx, action.Runs.Steps, merged(env, map[string]string{"GITHUB_ACTION_PATH": dir}), inputs, inner)
	result.Log += inner.Log
	result.Summary += inner.Summary
	result.ExitCode, result.path = inner.ExitCode, inner.path
	if err != nil {
		return err
	}
	outputs := map[string]string{}
	for name, output := range action.Outputs {
		if outputs[name], err = expand(output.Value, r.contexts(inputs, inner.Outputs)); err != nil {
			return err
		}
	}
	result.Outputs[s.ID] = outputs
	return nil
}

// ReadAction reads the action.yml of a directory.
func ReadAction(dir string) (action Action, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "action.yml"))
	if err == nil {
		decoder := yaml.NewDecoder(strings.NewReader(string(text)))
		decoder.KnownFields(true)
		err = decoder.Decode(&action)
	}
	return action, err
}

// left are the files by which a step tells the runner something, by the variables that name them.
var left = map[string]string{"GITHUB_OUTPUT": "output", "GITHUB_PATH": "path", "GITHUB_ENV": "env", "GITHUB_STEP_SUMMARY": "summary"}

// run runs the script of one step.
func (r *Runner) run(ctx context.Context, s Step, env map[string]string, values lookup, result *Result) error {
	script, err := expand(s.Run, values)
	if err != nil {
		return err
	}
	r.step++
	own := filepath.Join(r.Temp, "step"+strconv.Itoa(r.step))
	if err := os.Mkdir(own, 0o700); err != nil {
		return err
	}
	file := func(name string) string { return filepath.Join(own, name) }
	args := []string{"-e", file("script")}
	if s.Shell == "bash" {
		args = []string{"--noprofile", "--norc", "-eo", "pipefail", file("script")}
	}
	for variable, name := range left {
		env = merged(env, map[string]string{variable: file(name)})
		if err := os.WriteFile(file(name), nil, 0o600); err != nil {
			return err
		}
	}
	if err := os.WriteFile(file("script"), []byte(script), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "bash", args...)
	cmd.Dir = filepath.Join(r.Workspace, s.WorkingDirectory)
	cmd.Env = pairs(merged(r.Env, map[string]string{
		"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": r.Workspace, "RUNNER_OS": r.OS, "RUNNER_ARCH": r.Arch,
		"RUNNER_TEMP": r.Temp, "RUNNER_TOOL_CACHE": filepath.Join(r.Temp, "tools"),
		"PATH": strings.Join(append(slices.Clone(result.path), r.Path), string(os.PathListSeparator)),
	}, env))
	log, err := cmd.CombinedOutput()
	result.Log += string(log)
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		result.ExitCode = exit.ExitCode()
	} else if err != nil {
		return err
	}
	return result.take(s.ID, file)
}

// take reads what a step left for the runner.
func (r *Result) take(id string, file func(string) string) error {
	texts := map[string]string{}
	for _, name := range left {
		text, err := os.ReadFile(file(name))
		if err != nil {
			return err
		}
		texts[name] = string(text)
	}
	r.Summary += texts["summary"]
	for path := range strings.Lines(texts["path"]) {
		r.path = append([]string{strings.TrimSuffix(path, "\n")}, r.path...)
	}
	r.Outputs[id] = assignments(texts["output"])
	maps.Copy(r.env, assignments(texts["env"]))
	return nil
}

func assignments(text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		values[name] = value
	}
	return values
}

// lookup gives the value of a name in an expression.
type lookup func(name string) (string, bool)

// contexts are what expressions may name: inputs and outputs of steps, secrets, and what is the same for a run.
func (r *Runner) contexts(inputs map[string]string, outputs map[string]map[string]string) lookup {
	return func(name string) (string, bool) {
		parts := strings.Split(name, ".")
		switch {
		case len(parts) == 2 && parts[0] == "inputs":
			value, ok := inputs[parts[1]]
			return value, ok
		case len(parts) == 2 && parts[0] == "secrets":
			value, ok := r.Secrets[parts[1]]
			return value, ok
		case len(parts) == 4 && parts[0] == "steps" && parts[2] == "outputs":
			return outputs[parts[1]][parts[3]], true
		}
		value, ok := map[string]string{"runner.os": r.OS, "runner.arch": r.Arch, "runner.temp": r.Temp, "github.workspace": r.Workspace}[name]
		return value, ok
	}
}

var expression = regexp.MustCompile(`\$\{\{ *([^} ]*) *\}\}`)

func expand(text string, values lookup) (string, error) {
	var unknown error
	text = expression.ReplaceAllStringFunc(text, func(found string) string {
		name := expression.FindStringSubmatch(found)[1]
		value, ok := values(name)
		if !ok {
			unknown = fmt.Errorf("nothing is called %s", name)
		}
		return value
	})
	if unknown == nil && strings.Contains(text, "${{") {
		unknown = fmt.Errorf("an expression that is no name: %s", text)
	}
	return text, unknown
}

func expandAll(texts map[string]string, values lookup) (map[string]string, error) {
	all := map[string]string{}
	for name, text := range texts {
		value, err := expand(text, values)
		if err != nil {
			return nil, err
		}
		all[name] = value
	}
	return all, nil
}

func merged(all ...map[string]string) map[string]string {
	one := map[string]string{}
	for _, m := range all {
		maps.Copy(one, m)
	}
	return one
}

func pairs(env map[string]string) []string {
	var list []string
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	return list
}
