# SPDX-License-Identifier: BSD-3-Clause
#
# What the Makefiles of osmalloc/ and compat/ share. Variables: CC, CFLAGS (optimisation and
# sanitizers), O (output folder, default: the current one), PREFIX, DESTDIR.

CFLAGS ?= -O2 -g
# An undefined name is an error, except with a sanitizer, whose functions are in the program.
LDFLAGS ?= $(if $(findstring -fsanitize,$(CFLAGS)),,-Wl,-z,defs)
O ?= .
$(shell mkdir -p $(O))
OBJCOPY ?= objcopy
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion
ALL_CFLAGS = -std=gnu11 $(WARNINGS) -fPIC -fvisibility=hidden -I../utils $(CFLAGS)
VERSION := $(if $(wildcard ../VERSION),-DOSMEM_VERSION='"$(shell cat ../VERSION)"')
ALL_CFLAGS += $(VERSION)

# Each file is written under a temporary name, then renamed, so that a second make, at the same time
# or after an interrupt, never finds a partial file.
PART = $(@D)/.part-$$$$-$(@F)
FINISH = && mv -f $(PART) $@

COMPILE = $(CC) $(ALL_CFLAGS) -c -o $(PART) $< $(FINISH)
# One object of all the .o files, without their hidden names; $(1): further options of objcopy.
JOIN = $(LD) -r -o $(PART) $(filter %.o,$^) && $(OBJCOPY) --localize-hidden $(1) $(PART) $(FINISH)

$(O)/%.so: $(O)/%.o
	$(CC) -shared $(ALL_CFLAGS) $(LDFLAGS) $(LOADING) -o $(PART) $< $(FINISH)

$(O)/%.a: $(O)/%.o
	$(AR) rcs $(PART) $< $(FINISH)

.SECONDARY:
