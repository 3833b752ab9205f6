#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compare the library with the model on random sequences of calls: see --help."""

import sys

from harness.generated import random_calls

if __name__ == "__main__":
    sys.exit(random_calls.main())
