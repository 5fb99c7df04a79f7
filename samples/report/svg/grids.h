// Pictures made of cells: heat maps of matrices, images with attention over them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "samples/report/svg/axis.h"

namespace papilio::report {

struct Matrix {
  int rows = 0, cols = 0;
  std::vector<double> values = {};  // row-major

  bool valid() const;  // the sizes agree and there is at least one entry
  double operator()(int row, int col) const;
};

struct HeatMap {
  std::string title = {};
  Matrix matrix = {};
  double range = kUnset;  // colour is full at |value| = range; unset: the largest |value|
  int block = 0;          // a line after every so many rows and columns; 0: none
  double size = 400;      // side of the coloured area in user units
};

// An image: `ink` if it is given, else the PNG.
struct Picture {
  Matrix ink = {};       // 0 paper .. 1 ink, in the page's colours
  std::string png = {};  // a file's bytes
  double aspect = 1;     // width / height of the PNG
  bool smooth = true;    // enlarged smoothly, not as squares
};

struct Tile {
  Tile(const Picture& picture, const Matrix& overlay, std::string caption)
      : picture(picture), overlay(overlay), caption(std::move(caption)) {}

  Picture picture;
  // A grid of any size, stretched over the picture; may be empty. Under ink it is a colour, full at
  // its maximum; over a PNG it is a veil, clear at its maximum and dense at its minimum.
  Matrix overlay;
  std::string caption;
};

struct ImageGrid {
  std::string title = {};
  std::vector<Tile> tiles = {};  // row by row
  int columns = 1;
  std::vector<std::string> column_titles = {};
  double tile = 64;
  bool framed = false;  // a line around each picture, which may have the page's own colour
};

std::string render(const HeatMap& map);
std::string render(const ImageGrid& grid);

}  // namespace papilio::report
