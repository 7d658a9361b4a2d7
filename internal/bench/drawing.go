package main

import (
	"fmt"
	"math"
)

// The positions are in the units of the drawing.
const (
	plotWidth  = 760
	plotLeft   = 205 // start of the bars, behind the names
	plotRight  = 665 // end of the axis, before the number of the longest bar
	plotTop    = 24
	barHeight  = 22
	barStep    = 32
	titleSpace = 40
	axisSpace  = 58
	footSpace  = 34
)

// drawing is what the template writes, with the position of everything.
type drawing struct {
	Width, Height, Foot int
	About               string
	Panels              []drawnPanel
}

type drawnPanel struct {
	Title, Axis                       string
	TitleY, Top, Bottom, TickY, AxisY int
	Middle                            int // of the axis
	Bars                              []drawnBar
	Ticks                             []drawnTick
}

type drawnBar struct {
	Name, Number                      string
	Ours                              bool
	X, Y, Width, Height, TextY, After int
}

type drawnTick struct {
	X    int
	Text string
}

func (r *Report) layOut() drawing {
	d := drawing{Width: plotWidth, About: r.Machine.String()}
	y := plotTop
	for _, p := range r.panels() {
		one := p.layOut(y)
		d.Panels = append(d.Panels, one)
		y = one.Bottom + axisSpace
	}
	d.Foot = y + footSpace/2
	d.Height = y + footSpace
	return d
}

func (p panel) layOut(y int) drawnPanel {
	d := drawnPanel{Title: p.title, Axis: p.axis, TitleY: y + 16, Top: y + titleSpace - 10, Middle: (plotLeft + plotRight) / 2}
	most := 0.0
	for _, b := range p.bars {
		most = max(most, b.value)
	}
	step := tickStep(most)
	steps := max(1, math.Ceil(most/step))
	end := step * steps
	along := func(v float64) int { return int(math.Round(v / end * (plotRight - plotLeft))) }
	for i, b := range p.bars {
		top := y + titleSpace + i*barStep
		width := max(1, along(b.value))
		d.Bars = append(d.Bars, drawnBar{Name: b.name, Number: p.number(b.value), Ours: b.ours,
			X: plotLeft, Y: top, Width: width, Height: barHeight, TextY: top + 16, After: plotLeft + width + 6})
	}
	d.Bottom = y + titleSpace + len(p.bars)*barStep
	d.TickY, d.AxisY = d.Bottom+17, d.Bottom+35
	for n := range int(steps) + 1 {
		v := float64(n) * step
		d.Ticks = append(d.Ticks, drawnTick{X: plotLeft + along(v), Text: formatTick(v)})
	}
	return d
}

// tickStep returns 1, 2 or 5 times a power of ten, so that the axis has four to eight ticks.
func tickStep(most float64) float64 {
	if most <= 0 {
		return 1
	}
	step := math.Pow(10, math.Floor(math.Log10(most/4)))
	for _, factor := range []float64{5, 2} {
		if most/(step*factor) >= 4 {
			return step * factor
		}
	}
	return step
}

func formatTick(v float64) string {
	if v == math.Trunc(v) {
		return groupDigits(int(v))
	}
	return fmt.Sprintf("%.2g", v)
}
