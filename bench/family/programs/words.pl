# SPDX-License-Identifier: BSD-3-Clause
# What Perl programs do all day: split and join, hashes of lists, sorting, substitutions.
use strict;
use warnings;

my $state = 1;
sub word {
    $state = ($state * 1103515245 + 12345) % 2147483648;
    my $letters = $state;
    my $word = '';
    for (0 .. 3 + $state % 7) {
        $word .= chr(97 + $letters % 26);
        $letters = int($letters / 7);
    }
    return $word;
}

my @names = map { word() } 1 .. 60000;
my %index;
push @{ $index{ substr($_, 0, 2) } }, $_ . '!' for @names;
my $text = join ',', map { "$_=" . join(' ', sort @{ $index{$_} }) } sort keys %index;
my %count;
for my $part (split /[,= ]/, $text) {
    (my $short = $part) =~ s/[aeiou]+/-/g;
    $count{$short}++;
}
my @most = (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count)[0 .. 4];
print length($text), " @most ", scalar(keys %count), "\n";
