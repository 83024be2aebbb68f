#!/usr/bin/env bash
# Installs a release of engram-sync on a runner: the archive for this machine, checked against the release's
# checksums.txt, goes into the tool cache, and that onto PATH.
set -euo pipefail

# shellcheck source=action/fail.sh
. "$(dirname "${BASH_SOURCE[0]}")/fail.sh"

# unix PATH and native PATH are a path as bash, and as everything else on Windows, writes it.
unix() { if command -v cygpath >/dev/null; then cygpath -u "$1"; else printf '%s\n' "$1"; fi; }
native() { if command -v cygpath >/dev/null; then cygpath -w "$1"; else printf '%s\n' "$1"; fi; }

# fetch URL FILE downloads by the scheme of the release page only, redirects included.
fetch() {
	curl --fail --silent --show-error --location --retry 3 --connect-timeout 30 --max-time 600 --max-filesize 200000000 \
		--proto "=${releases%%:*}" --output "$2" "$1"
}

sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1; }

case ${RUNNER_OS-}/${RUNNER_ARCH-} in
Linux/X64) platform=linux_amd64 ;;
Linux/ARM64) platform=linux_arm64 ;;
macOS/X64) platform=darwin_amd64 ;;
macOS/ARM64) platform=darwin_arm64 ;;
Windows/X64) platform=windows_amd64 ;;
Windows/ARM64) platform=windows_arm64 ;;
*) fail "there is no release of engram-sync for a runner of ${RUNNER_OS-} on ${RUNNER_ARCH-}" ;;
esac
program=engram-sync kind=tar.gz
[ "$RUNNER_OS" != Windows ] || program=engram-sync.exe kind=zip

releases=${INPUT_RELEASES%/}
[[ $releases =~ ^https?://[^[:space:]]+$ ]] || fail "releases is no address: $releases"
number='[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?'
version=${INPUT_VERSION#v}
[[ $version == latest || $version =~ ^$number$ ]] || fail "version is neither latest nor like 1.2.3: $version"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cache=$(unix "${RUNNER_TOOL_CACHE:-${RUNNER_TEMP:?}}")/engram-sync

if [ "$version" = latest ] || [ ! -e "$cache/$version/$platform.complete" ]; then
	from=$releases/download/v$version
	[ "$version" != latest ] || from=$releases/latest/download
	fetch "$from/checksums.txt" "$work/checksums.txt" ||
		fail "there is no release $version at $releases, or it cannot be reached: look at the list there"
	# The line for this machine also says which release is the latest.
	line=$(grep -E "^[0-9a-f]{64}  engram-sync_${number}_$platform\.$kind\$" "$work/checksums.txt") || line=
	[[ $line && $line != *$'\n'* ]] ||
		fail "the checksums of release $version do not name one archive for $platform"
	archive=${line#*  }
	named=${archive#engram-sync_}
	named=${named%_"$platform.$kind"}
	[ "$version" = latest ] || [ "$version" = "$named" ] || fail "the checksums of release $version are those of $named"
	version=$named
fi
home=$cache/$version/$platform

if [ -e "$home.complete" ]; then
	echo "engram-sync $version is in the tool cache"
else
	fetch "$releases/download/v$version/$archive" "$work/$archive" || fail "cannot download $archive of $releases"
	sum=$(sha256 <"$work/$archive")
	[ "$sum" = "${line%% *}" ] ||
		fail "$archive has another SHA-256 than checksums.txt says ($sum): it is damaged, or not what was released; nothing was installed"
	case $kind in
	zip) (cd "$work" && unzip -q "$archive" "$program") ;;
	*) (cd "$work" && tar -xzf "$archive" "$program") ;;
	esac
	mkdir -p "$home"
	mv "$work/$program" "$home/$program"
	: >"$home.complete"
	echo "engram-sync $version is installed: $archive has the SHA-256 $sum"
fi
"$home/$program" version >/dev/null || fail "engram-sync $version does not run on this runner"
native "$home" >>"$GITHUB_PATH"
echo "version=$version" >>"$GITHUB_OUTPUT"
