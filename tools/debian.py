"""
Debian packages that are unpacked and not installed: an emulated machine's
kernel, and what programs for another architecture are linked with. For
tools/test-qemu and tools/arm64-sysroot.
"""

import os
import re
import shutil
import subprocess


class Missing(Exception):
    """What this machine lacks, in a word."""


def run(*command, **options):
    return subprocess.run(
        command, check=True, text=True, stdout=subprocess.PIPE, **options
    ).stdout


class Apt:
    """
    apt for an architecture. state: a folder for all that it remembers, so
    that neither root nor what is installed matters; None: this machine's.
    """

    def __init__(self, architecture="", state=None):
        self.state = state
        self.options = []
        if state:
            places = {
                "State::lists": "lists/",
                "Cache::archives": "archives/",
                "Cache::pkgcache": "packages.bin",
                "Cache::srcpkgcache": "sources.bin",
            }
            self.options = [
                "-o", f"APT::Architecture={architecture}",
                "-o", f"APT::Architectures={architecture}",
                "-o", "Dir::State::status=/dev/null",
                "-o", "Debug::NoLocking=1",
            ]
            for name, place in places.items():
                self.options += ["-o",
                                 f"Dir::{name}={os.path.join(state, place)}"]

    def update(self):
        if self.state:
            for place in ("lists", "archives"):
                os.makedirs(os.path.join(self.state, place, "partial"),
                            exist_ok=True)
        elif os.geteuid() != 0:
            return
        subprocess.run(["apt-get", *self.options, "update"], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kernel(self, package):
        """Debian's kernel of today, behind the package of that name."""
        for update in (False, True):
            if update:
                self.update()
            try:
                depends = run("apt-cache", *self.options, "depends", package,
                              stderr=subprocess.DEVNULL)
            except OSError:
                raise Missing("there is no apt to get a kernel from") from None
            except subprocess.CalledProcessError:
                continue
            names = re.findall(r"Depends: (linux-image-\S+)", depends)
            if names:
                return names[0]
        raise Missing(f"apt knows no {package}")

    def unpack(self, packages, folder):
        """What is at folder then is complete; it is there already or not."""
        if os.path.exists(folder):
            return
        new = folder + ".new"
        debs = folder + ".debs"
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(debs, ignore_errors=True)
        os.makedirs(new)
        os.makedirs(debs)
        for again in (True, False):
            try:
                run("apt-get", *self.options, "download", *packages, cwd=debs,
                    stderr=subprocess.STDOUT)
                break
            except OSError:
                raise Missing("there is no apt") from None
            except subprocess.CalledProcessError as error:
                if not again:
                    raise Missing(f"apt-get download {' '.join(packages)}: "
                                  + error.stdout[-300:]) from None
                self.update()
        for name in os.listdir(debs):
            run("dpkg-deb", "-x", os.path.join(debs, name), new)
        shutil.rmtree(debs)
        os.rename(new, folder)
