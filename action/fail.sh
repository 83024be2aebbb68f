# shellcheck shell=bash
# What both scripts say when they cannot go on.

# fail MESSAGE ends the step with an annotation. Only we talk to the runner: the message is data.
fail() {
	local text=${*//'%'/%25}
	text=${text//$'\r'/%0D}
	printf '::error::%s\n' "${text//$'\n'/%0A}"
	exit 2
}
