/** A swarm in virtual time. */
export {
  type Core,
  type NodeOptions,
  type SimulatedNode,
  Simulation,
  type SimulationOptions,
} from './simulation.ts'
