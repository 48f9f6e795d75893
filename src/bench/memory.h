// How much memory this process holds.
#pragma once

namespace cobra::bench {

/// Memory that is resident now, and the most since the last `forget_peak`, in 10^9 bytes, pages of mapped
/// files among it; 0 where the system does not tell. Where the peak cannot be forgotten (only Linux can), it
/// is the peak since the start.
double resident_gb();
double peak_resident_gb();
/// Gives freed memory back to the system and lets the peak begin anew.
void forget_peak();

}  // namespace cobra::bench
