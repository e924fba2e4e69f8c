#!/usr/bin/env bash
# Install the system libraries that a napari window needs, where that is allowed; else name them.
set -euo pipefail

packages=(
    # a screen where there is none
    xvfb xauth
    # OpenGL, in software if need be
    libgl1 libgl1-mesa-dri libegl1
    # Qt 6 on X11
    libdbus-1-3 libfontconfig1 libglib2.0-0 libx11-xcb1 libxkbcommon-x11-0
    libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0
    libxcb-render-util0 libxcb-shape0 libxcb-xkb1
    # letters
    fonts-dejavu-core
)
"${PYTHON:-python3}" -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)

if ! command -v dpkg-query >/dev/null; then
    [ "$(uname)" = Linux ] || exit 0
    echo "This is no Debian: see that the window libraries are here (Debian calls them ${packages[*]})."
    exit 0
fi

# Names of what is installed, also the older names that a package stands in for.
installed=$(dpkg-query -W -f '${db:Status-Abbrev}\t${Package}, ${Provides}\n' |
    awk -F'\t' '$1 ~ /^ii/ { print $2 }' | tr ',' '\n' | sed 's/(.*//; s/[[:space:]]//g')
missing=()
for package in "${packages[@]}"; do
    grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Missing system libraries. The administrator installs them with:"
    echo "    apt-get install --no-install-recommends ${missing[*]}"
    exit 0
fi
echo "Installing system libraries: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -qy --no-install-recommends "$@"; }
apt-get update -q || true
# One by one where together fails: a package that is called otherwise here stops no other.
install "${missing[@]}" || for package in "${missing[@]}"; do
    install "$package" || echo "apt-get could not install $package; going on without it."
done
