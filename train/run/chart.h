// The loss over the updates of a run as a picture.
#pragma once

#include <string>
#include <vector>

namespace cobra::train {

/// An SVG of the losses (from update 1) and of their mean over a window around each. At most a few thousand
/// points are drawn, however long the run. Values that are not finite are left out.
std::string loss_chart(const std::vector<double>& losses, const std::string& title);

}  // namespace cobra::train
